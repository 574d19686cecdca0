#!/usr/bin/env python3
"""Every file and folder of the repository that a document or a comment names is there."""
import pathlib, re, subprocess, sys

root = pathlib.Path(__file__).resolve().parent.parent
listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True).stdout
named = re.compile(r"(?<![\w/.-])((?:src|tests|benches|crates|docs|migrations|fuzz|\.ci|\.github)/[\w./-]*[\w/])")
# What tools make when they run.
MADE = {"fuzz/artifacts"}
bad = []
for name in listed.split("\n"):
    path = root / name
    if not name.endswith((".md", ".rs", ".toml", ".yml", "run")) or name.startswith("firmware-fixtures") or not path.is_file():
        continue
    base = path.parents[len(pathlib.PurePath(name).parts) - 3] if name.startswith("crates/") else root
    for number, line in enumerate(path.read_text().split("\n"), 1):
        if name.endswith(".rs") and "//" not in line:
            continue
        for match in named.finditer(line):
            found = match.group(1).rstrip(".")
            if found not in MADE and not (root / found).exists() and not (base / found).exists():
                bad.append(f"{name}:{number} names {found}, which is not there")
if bad:
    sys.exit("\n".join(bad))
print("every path that is named is there")
