#!/usr/bin/env python3
"""Every statement of the store must have been run by a test on each engine. The tests write two files into the folder that
NERVECENTER_STATEMENTS names: `ledger` has a line `engine name text` for each statement, `ran` a line `engine text` for each that
ran. An import runs its statements in a process of its own, whose log the tests do not read."""
import pathlib
import sys

# Statements that one engine alone runs, with the reason.
ONE_ENGINE = {"locks.lock": "postgres"}

folder = pathlib.Path(sys.argv[1])
ledger = [line.split(" ", 2) for line in (folder / "ledger").read_text().splitlines()]
ran = {"sqlite": set(), "postgres": set()}
for line in (folder / "ran").read_text().splitlines():
    engine, text = line.split(" ", 1)
    ran[engine].add(text)
missing = [
    f"{name} ran in no test on {engine}"
    for engine, name, text in sorted(ledger, key=lambda line: line[1])
    if not name.startswith("tests.")
    if text not in ran[engine] and ONE_ENGINE.get(name, engine) == engine
]
missing += [f"{name} is listed for one engine, and is not in the ledger" for name in ONE_ENGINE.keys() - {name for _, name, _ in ledger}]
if missing:
    sys.exit("\n".join(missing))
print(f"{len(ledger) // 2} statements of the ledger, each run by a test on both engines")
