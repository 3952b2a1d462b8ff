#!/usr/bin/env python3
"""Checks that no text of an author changes what a query does: parses queries with hostile texts and compares their trees
with those of harmless texts at the same place.

KIT is the folder of the engine kit, CASES a file that `conformance injection SEED COUNT` wrote. Every hostile query
must be readable by an independent parser, hold the header as its only comments, and have the skeleton of a harmless one
(skeletons/tree.py): the same clauses, stages, columns, operators and names, with the whole hostile text in the place of
the harmless one. Then some of the queries are corrupted (skeletons/corrupt.py: a quote is not escaped, a stage is added),
and every one of these must be noticed. Prints each difference with its query, counts for each place and target (same,
refused with a diagnostic, FAILED), and 'N passed, N failed'. Exit status 1 if something failed."""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

from skeletons.corrupt import corrupted

HERE = pathlib.Path(__file__).resolve().parent
HOME = pathlib.Path(os.environ.get("ENGINES_HOME") or "~/.cache/detection-engines").expanduser()
TARGETS = ("aql", "spl", "kql", "sigma")
# So many queries at most does one worker take at a time, if they are of more than one place.
BATCH = 2000
PROCESSES = 2
# One hostile query of so many is corrupted.
CORRUPTED = 29


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().split("\n") if line]


def batches(cases):
    """built cases by target and a few places; harmless ones first in each"""
    found = collections.defaultdict(list)
    for case in cases:
        if case["status"] == "built": found[case["target"], case["place"]].append(case)
    chosen = []
    for (target, _), members in sorted(found.items(), key=lambda pair: pair[0][0]):
        if chosen and chosen[-1][0]["target"] == target and len(chosen[-1]) + len(members) <= BATCH: chosen[-1] += members
        else: chosen.append(members)
    return [sorted(batch, key=lambda case: case["kind"] != "harmless") for batch in chosen]


def judge(kit, cases):
    """[(case, what is wrong or None)]"""
    command = [str(HOME / "python/bin/python"), "-m", "skeletons.worker", str(kit.resolve()), cases[0]["target"]]
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "ENGINES_HOME": str(HOME)}
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, encoding="utf-8", env=environment, cwd=HERE)
    answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    if done.returncode or len(answers) != len(cases): sys.exit(f"{cases[0]['target']}: {done.stderr.strip()[-3000:]}")
    return list(zip(cases, answers))


def judge_all(kit, cases):
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        return [pair for pairs in pool.map(lambda batch: judge(kit, batch), batches(cases)) for pair in pairs]


def self_test(kit, cases, judged):
    """corrupts every so many of the good hostile queries -> (number of corrupted queries, those that nobody noticed)"""
    good = [case for case, wrong in judged if not wrong and case["kind"] == "hostile"]
    changed = []
    for case in good[::CORRUPTED]:
        for name, query in corrupted(case):
            changed.append({**case, "query": query, "corruption": name, "read_back": None})
    places = {(case["target"], case["place"]) for case in changed}
    harmless = [case for case in cases if case["kind"] == "harmless" and (case["target"], case["place"]) in places]
    again = [(case, wrong) for case, wrong in judge_all(kit, harmless + changed) if case["kind"] == "hostile"]
    return len(again), [case for case, wrong in again if not wrong]


def table(counts):
    """place x target: same/refused/FAILED"""
    places = list(dict.fromkeys(place for place, _ in counts))
    width = max(map(len, places))

    def cell(place, target):
        found = counts[place, target]
        text = f"{found['same']} same"
        text += f", {found['refused']} refused" if found["refused"] else ""
        return text + (f", {found['FAILED']} FAILED" if found["FAILED"] else "")
    lines = [f"{'place':{width}}  " + "  ".join(f"{target:24}" for target in TARGETS)]
    lines += [f"{place:{width}}  " + "  ".join(f"{cell(place, target):24}" for target in TARGETS) for place in places]
    return "\n".join(line.rstrip() for line in lines)


def counted(cases, judged):
    counts = collections.defaultdict(collections.Counter)
    for case in cases:
        targets = TARGETS if case["target"] == "spec" else [case["target"]]
        for target in targets:
            if case["kind"] == "hostile" and case["status"] != "built":
                counts[case["place"], target]["FAILED" if case["status"] == "panic" else "refused"] += 1
    for case, wrong in judged:
        if wrong or case["kind"] == "hostile": counts[case["place"], case["target"]]["FAILED" if wrong else "same"] += 1
    return counts


def report(case, wrong):
    query = case.get("query", case["reason"])
    print(f"\n{case['place']}: {case['target']}: {case['text'][:300]!r}\n  {wrong}\n{query[:1500]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kit", type=pathlib.Path)
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("--show", type=int, default=20, help="so many differences, 20 if not given")
    arguments = parser.parse_args()
    cases = read(arguments.cases)
    judged = judge_all(arguments.kit, cases)
    counts = counted(cases, judged)
    failed = [(case, wrong) for case, wrong in judged if wrong]
    failed += [(case, "the compiler panics") for case in cases if case["status"] == "panic"]
    for case, wrong in failed[:arguments.show]: report(case, wrong)
    print(table(counts))
    for target in TARGETS:
        total = sum((found for (_, other), found in counts.items() if other == target), collections.Counter())
        print(f"{target}: {total['same']} hostile queries do the same, {total['refused']} are refused with a diagnostic")
    number, unnoticed = self_test(arguments.kit, cases, judged)
    for case in unnoticed[:arguments.show]: report(case, f"not noticed: {case['corruption']}")
    print(f"{number - len(unnoticed)} of {number} corrupted queries are noticed")
    passed = sum(found["same"] for found in counts.values())
    print(f"{passed + number - len(unnoticed)} passed, {len(failed) + len(unnoticed)} failed")
    return 1 if failed or unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
