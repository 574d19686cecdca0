"""What the lock file of the console may hold: packages from the registry, with a hash, without a script that runs when they are
installed, under licences that may be shipped or that only build and test."""
import json
import sys

REGISTRY = "https://registry.npmjs.org/"
LOCK = "src/console/web/package-lock.json"
# Under these, code may be shipped in a program under Apache-2.0.
SHIPPED = {"MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Unlicense", "CC0-1.0"}
# These only build or test the console; nothing of them is in the files that a browser gets.
TOOLS = {"MPL-2.0", "CC-BY-4.0", "Python-2.0", "BlueOak-1.0.0"}
ONLY_TOOLS = ("lightningcss", "axe-core", "@axe-core/", "caniuse-lite", "argparse")
# Files that packages compile when they are installed; none is run, since npm is told not to.
BINARY_SCRIPTS = {"fsevents"}

wrong = []
packages = json.load(open(LOCK, encoding="utf-8"))["packages"]
for path, package in packages.items():
    if not path:
        continue
    name = path.rsplit("node_modules/", 1)[-1]
    licence = package.get("license", "none")
    words = {w.strip("()") for w in licence.replace(" AND ", " ").replace(" OR ", " ").split()}
    tool = name.startswith(ONLY_TOOLS)
    if not words <= (SHIPPED | TOOLS if tool else SHIPPED):
        wrong.append(f"{name}: licence {licence}")
    # A package without an address comes from the registry that npm is set to, and has to fit the hash in any case.
    if not package.get("resolved", REGISTRY).startswith(REGISTRY) or "integrity" not in package:
        wrong.append(f"{name}: not from the registry, or without a hash")
    if package.get("hasInstallScript") and name not in BINARY_SCRIPTS:
        wrong.append(f"{name}: has a script that runs at the installation")
print("\n".join(wrong) or f"{len(packages) - 1} npm packages: licences, sources and scripts are in order")
sys.exit(bool(wrong))
