#!/usr/bin/env python3
"""Every answer that the API's document has for an operation must have been seen by a test; but for faults of the server."""
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
document = json.loads((folder / "document.json").read_text())
seen = set((folder / "seen").read_text().splitlines())
written = {
    f"{method} {path} {status}"
    for path, methods in document["paths"].items()
    for method, operation in methods.items()
    for status in operation["responses"]
    if status != "500"
}
# What cannot be provoked through a socket of this machine, with the reason.
ELSEWHERE = {
    "get /api/auth/cli_session/{session} 403": "local addresses may ask as often as they like; a unit test of the limit stands for it",
    "post /api/session/passkey 429": "counted by address, and local ones are not; the unit tests of `budget` stand for it",
    "post /api/session/passkey/options 429": "as above",
}
unseen = sorted(written - seen - ELSEWHERE.keys())
for answer in unseen:
    print(f"in the document, and seen by no test: {answer}")
if unseen:
    sys.exit(1)
print(f"{len(written)} answers of the document, each seen by a test")
