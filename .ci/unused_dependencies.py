#!/usr/bin/env python3
"""Every dependency of Cargo.toml is named in the sources."""
import pathlib, re, sys, tomllib

root = pathlib.Path(__file__).resolve().parent.parent
manifest = tomllib.loads((root / "Cargo.toml").read_text())
text = "\n".join(p.read_text() for d in ("src", "tests", "benches") for p in (root / d).rglob("*.rs"))
renamed = {"rustls-webpki": "webpki"}
unused = []
for table in ("dependencies", "dev-dependencies"):
    for name in manifest.get(table, {}):
        crate = renamed.get(name, name).replace("-", "_")
        if not re.search(rf"\b{crate}\b(::|;| as )", text):
            unused.append(name)
if unused:
    sys.exit("dependencies that nothing uses: " + ", ".join(unused))
print("all dependencies are used")
