#!/usr/bin/env python3
"""Checks every query in out/ with parsers that share no code with Cognate.

usage: check.py KIT        KIT is the folder of the engine kit (its check.py, run.py and lang/)

KQL: Microsoft's parser, bound to the columns of the query's log source. AQL: a strict reader of what IBM documents.
SPL: a reader written from Splunk's documentation. Sigma: pySigma's parser and validators, rsigma's parser and linter.
The table columns come from `cognate schema --tables` (set COGNATE for another binary than target/release/cognate). Prints one line for each problem and a summary
'N passed, N failed'; exit status 1 if something failed, 2 if the kit cannot be used."""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Findings of Sigma linters that are a matter of taste or need data that is not here.
TOLERATED = {"warning", "hint"}


def cases(tables):
    """[(path, case)] for every artefact of the manifest"""
    manifest = json.loads((ROOT / "out/manifest.json").read_text(encoding="utf-8"))
    for entry in manifest:
        query = (ROOT / "out" / entry["path"]).read_text(encoding="utf-8")
        case = {"lang": entry["target"], "query": query, "events": []}
        if entry["target"] == "kql":
            case["schema"] = tables[entry["spec"]]
        yield entry["path"], case


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    kit = pathlib.Path(sys.argv[1])
    cognate = os.environ.get("COGNATE", ROOT / "target/release/cognate")
    listing = subprocess.run([cognate, "schema", "--tables"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    found = list(cases(json.loads(listing.stdout)))
    done = subprocess.run([sys.executable, kit / "check.py"], input=json.dumps([case for _, case in found]),
                          capture_output=True, encoding="utf-8")
    if done.returncode not in (0, 1):
        print(f"the engine kit cannot be used: {done.stderr.strip()}", file=sys.stderr)
        return 2
    failed = 0
    for (path, _), answer in zip(found, json.loads(done.stdout), strict=True):
        problems = [d for d in answer["diagnostics"] if d["severity"] not in TOLERATED]
        failed += bool(problems)
        for problem in problems:
            print(f"{path}: {problem['code']}: {problem['message']}")
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
