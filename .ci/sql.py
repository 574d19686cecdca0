#!/usr/bin/env python3
"""SQL is written once, in src/store: no statement in two files, and none elsewhere. (That no text is filed twice and that
each prepares on both engines, the store's tests check.) Each migration exists for both engines."""
import collections, pathlib, re, sys

root = pathlib.Path(__file__).resolve().parent.parent
store = root / "src" / "store"
seen = collections.defaultdict(set)
bad = []

def is_test(path):
    return path.is_relative_to(store / "tests")


for path in (root / "src").rglob("*.rs"):
    text = path.read_text()
    if path.is_relative_to(store):
        for match in re.finditer(r'"((?:SELECT|INSERT|UPDATE|DELETE)\b(?:[^"\\]|\\.)*)"', text):
            if not is_test(path) and len(match.group(1)) > 30:
                seen[" ".join(match.group(1).split())].add(path.name)
    elif re.search(r'"(SELECT|INSERT INTO|UPDATE|DELETE FROM) ', text):
        bad.append(f"{path.relative_to(root)} holds SQL")
bad += [f"{', '.join(sorted(files))} share: {text[:80]}" for text, files in seen.items() if len(files) > 1]
engine = re.compile(r"Db::(Sqlite|Postgres)|Conn::(Sqlite|Postgres)")
for path in store.rglob("*.rs"):
    if "engine" not in path.parts and not is_test(path) and engine.search(path.read_text()):
        bad.append(f"{path.relative_to(root)} branches on the engine")
sqlite, postgres = ({p.name for p in (root / "migrations" / engine).iterdir()} for engine in ("sqlite", "postgres"))
bad += [f"migration {name} exists for one engine only" for name in sorted(sqlite ^ postgres)]
if bad:
    sys.exit("\n".join(bad))
print(f"{len(seen)} statements, each once")
