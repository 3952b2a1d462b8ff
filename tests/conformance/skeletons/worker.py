"""One process of injection.py: KIT TARGET, cases of the target on stdin -> one JSON line for each hostile one: what is
wrong with it, or null."""
import collections
import importlib
import json
import sys

from skeletons.compare import verdict, wrong_comments
from skeletons.tree import Unreadable


def read_each(target, cases):
    module = importlib.import_module(f"skeletons.{target}")
    for case in cases:
        try:
            yield module.read(case)
        except Unreadable as error:
            yield error


def read_all(kit, target, cases):
    """-> [(comments, skeleton) or Unreadable]"""
    if target == "kql":
        return importlib.import_module("skeletons.kql").read_all(kit, cases)
    return list(read_each(target, cases))


def extra_comments(case, comments):
    """the comments that a backend writes itself, after the header; only Sigma has some"""
    return comments[:len(case["header"])] if case["target"] == "sigma" else comments


def problem(case, reading):
    """what is wrong with a query alone"""
    if isinstance(reading, Unreadable): return f"unreadable: {reading}"
    return None if case["target"] == "aql" else wrong_comments(case, extra_comments(case, reading[0]))


def main():
    sys.path.insert(0, sys.argv[1])
    target, cases = sys.argv[2], json.load(sys.stdin)
    harmless = collections.defaultdict(list)
    readings = read_all(sys.argv[1], target, cases)
    for case, reading in zip(cases, readings, strict=True):
        if case["kind"] != "harmless": continue
        wrong = problem(case, reading)
        if wrong is None: harmless[case["place"]].append((case, reading[1]))
        print(json.dumps(wrong and f"the harmless query: {wrong}"))
    for case, reading in zip(cases, readings, strict=True):
        if case["kind"] == "harmless": continue
        print(json.dumps(problem(case, reading) or verdict(case, reading[1], harmless[case["place"]])))


if __name__ == "__main__":
    main()
