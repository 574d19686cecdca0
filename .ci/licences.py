#!/usr/bin/env python3
"""Every dependency has a licence that Apache-2.0 software may be shipped with."""
import json, re, subprocess, sys

ALLOWED = {
    "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "0BSD", "Unlicense", "CC0-1.0", "MIT-0",
    "Unicode-3.0", "CDLA-Permissive-2.0", "BSL-1.0", "OpenSSL", "Apache-2.0 WITH LLVM-exception", "bzip2-1.0.6",
}

def fits(text):
    """Whether an SPDX expression can be met with allowed licences."""
    tokens = re.findall(r"\(|\)|\bAND\b|\bOR\b|[^\s()]+(?: WITH [^\s()]+)?", text.replace("/", " OR "))
    out = []
    for t in tokens:
        out.append({"AND": "and", "OR": "or", "(": "(", ")": ")"}.get(t) or str(t in ALLOWED))
    return eval(" ".join(out), {"__builtins__": {}}, {})

meta = json.loads(subprocess.check_output(["cargo", "metadata", "--format-version", "1", "--locked"]))
bad = [f'{p["name"]} {p["version"]}: {p["license"]}' for p in meta["packages"] if not p["license"] or not fits(p["license"])]
if bad:
    sys.exit("licences that are not on the list:\n  " + "\n  ".join(bad))
print(f'{len(meta["packages"])} packages, all with allowed licences')
