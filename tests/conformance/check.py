#!/usr/bin/env python3
"""Checks queries with parsers that share no code with Cognate: those of out/, or those of cases for run.py.

usage: check.py KIT [CASES..]        KIT is the folder of the engine kit (its check.py, run.py and lang/)

KQL: Microsoft's parser, bound to the table's real columns (tables.json, from Microsoft's table references of September 2024;
a table that is not there to the columns that the log source gives it). AQL: a strict reader of what IBM documents.
SPL: a reader written from Splunk's documentation. Sigma: pySigma's parser and validators, rsigma's parser and linter; what
these find in the original of a rule too does not count.
Without cases the columns of such tables come from `cognate schema --tables` (set COGNATE for another binary than
target/release/cognate). Prints one line for each problem and a summary 'N passed, N failed'; exit status 1 if something
failed, 2 if the kit cannot be used."""
import collections
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Findings of Sigma linters that are a matter of taste or need data that is not here.
TOLERATED = {"warning", "hint"}
BATCH = 400


def of_project():
    """(path, target, query, tables) for every artefact of the manifest"""
    cognate = os.environ.get("COGNATE", ROOT / "target/release/cognate")
    listing = subprocess.run([cognate, "schema", "--tables"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    tables = json.loads(listing.stdout)
    for entry in json.loads((ROOT / "out/manifest.json").read_text(encoding="utf-8")):
        query = (ROOT / "out" / entry["path"]).read_text(encoding="utf-8")
        yield entry["path"], entry["target"], query, tables[entry["spec"]]


def of_cases(paths):
    """the same for the cases, each query once"""
    seen = set()
    for path in paths:
        for line in pathlib.Path(path).read_text(encoding="utf-8").split("\n"):
            case = json.loads(line) if line else {"status": "no case"}
            if case["status"] == "built" and (key := (case["target"], case["case"]["query"])) not in seen:
                seen.add(key)
                yield f"{case['spec']} for {case['target']}", *key, case["case"].get("schema")


def problems_of(answer):
    return [d for d in answer["diagnostics"] if d["severity"] not in TOLERATED]


def check(kit, cases):
    """the kit's answers"""
    done = subprocess.run([sys.executable, kit / "check.py"], input=json.dumps(cases), capture_output=True, encoding="utf-8")
    if done.returncode not in (0, 1):
        print(f"the engine kit cannot be used: {done.stderr.strip()}", file=sys.stderr)
        sys.exit(2)
    return json.loads(done.stdout)


def of_originals(kit, names):
    """the codes of what is wrong already in the Sigma rules that were compiled to Sigma"""
    names = [name for name in names if name.endswith(" for sigma")]
    texts = [(ROOT / name.removesuffix(" for sigma")).read_text(encoding="utf-8") for name in names]
    answers = check(kit, [{"lang": "sigma", "query": text, "events": []} for text in texts])
    return {name: {problem["code"] for problem in problems_of(answer)} for name, answer in zip(names, answers, strict=True)}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    kit, paths = pathlib.Path(sys.argv[1]), sys.argv[2:]
    real = json.loads((pathlib.Path(__file__).parent / "tables.json").read_text(encoding="utf-8"))
    queries = list(of_cases(paths) if paths else of_project())
    failed, bound = 0, collections.Counter()
    for start in range(0, len(queries), BATCH):
        batch = queries[start:start + BATCH]
        cases = []
        for _, target, query, tables in batch:
            case = {"lang": target, "query": query, "events": []}
            if target == "kql":
                case["schema"] = {table: real.get(table, columns) for table, columns in tables.items()}
                bound.update("real columns" if table in real else "columns of the log source" for table in tables)
            cases.append(case)
        answers = check(kit, cases)
        originals = of_originals(kit, [name for (name, *_), answer in zip(batch, answers) if problems_of(answer)]) if paths else {}
        for (name, *_), answer in zip(batch, answers, strict=True):
            problems = [problem for problem in problems_of(answer) if problem["code"] not in originals.get(name, ())]
            failed += bool(problems)
            for problem in problems:
                print(f"{name}: {problem['code']}: {problem['message']}")
    print("; ".join(f"{count} KQL queries bound to {what}" for what, count in sorted(bound.items(), reverse=True)))
    print(f"{len(queries) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
