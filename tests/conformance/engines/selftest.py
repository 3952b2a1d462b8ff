#!/usr/bin/env python3
"""Test the installed engines:  selftest.py [--full]

Default: the Confluence case on every engine, compared with the plain-Python oracle, and its static checks.
--full: also mutants of the Confluence queries (each must give another result) and the construct suites of all engines.
Last line: 'N passed, N failed'; exit status 1 on failure."""
import json
import pathlib
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import run  # noqa: E402
from cases.confluence import oracle  # noqa: E402
from cases.suites import aql, checks, kql, sigma, spl  # noqa: E402
from lang.worker import epoch  # noqa: E402

CONFLUENCE = run.HERE / "cases/confluence"
NAMES = {"User": "user", "SourceIp": "source_ip", "Hour": "hour", "Total": "total", "UniqueActions": "unique_actions",
         "PageViews": "page_views", "Searches": "searches", "Exports": "exports", "SensitiveSearches": "sensitive_searches",
         "DurationMinutes": "duration_minutes", "Label": "label"}                     # KQL's names of the columns
FAILURES = []


def report(suite, results, start):
    """results: [(name, None or what is wrong)]"""
    failed = [(suite, name, problem) for name, problem in results if problem]
    FAILURES.extend(failed)
    print(f"{suite:38} {len(results) - len(failed):6} {len(failed):6} {time.time() - start:7.1f} s", flush=True)
    for _, name, problem in failed: print(f"    {name}: {str(problem)[:400]}")
    return len(results)


# ---- comparison ----------------------------------------------------------------------------------
def rounded(value):
    if isinstance(value, float): return round(value, 6)
    if isinstance(value, list): return [rounded(v) for v in value]
    if isinstance(value, dict): return {k: rounded(v) for k, v in value.items()}
    return value


def compare(answer, expected):
    """expected: "refused", or rows (objects, or lists in the order of the columns); "wrong": the engine is known to differ"""
    error = answer.get("error", "")
    if expected == "refused": return error if error.startswith(("internal", "the engine")) else None if error else "not refused"
    if error: return error
    rows, want = answer["rows"], expected["rows"]
    if "columns" in expected: rows = [[r.get(c) for c in expected["columns"]] for r in rows]
    elif want and isinstance(want[0], list): rows = [list(r.values()) for r in rows]
    rows, want = rounded(rows), rounded(want)
    if not expected.get("ordered"): rows, want = sorted(rows, key=json.dumps), sorted(want, key=json.dumps)
    if expected.get("wrong"): return "it is right now: take it out of WRONG" if rows == want else None
    return None if rows == want else f"got {rows}, expected {want}"


def suite(title, cases, judge=compare):
    start, cases = time.time(), list(cases)
    answers = run.answer([case for _, case, _ in cases])
    return report(title, [(name, judge(a, expected)) for (name, _, expected), a in zip(cases, answers)], start)


def judge_sigma(answer, expected):
    got = sigma.alerts(answer["rows"]) if answer["ok"] else answer["error"].startswith("internal") or "refused"
    return None if got == expected else f"got {got!r}, expected {expected!r} {answer.get('error', '')}"


# ---- Confluence ----------------------------------------------------------------------------------
def confluence_cases():
    cases = run.read(CONFLUENCE / "cases.json")
    return cases + [{**c, "engine": "interpreter"} for c in cases if c["lang"] == "kql"]


def canonical(rows):
    """the alerts of an aggregating query in the form of expected.json"""
    out = []
    for row in rows:
        row = {NAMES.get(k, k): v for k, v in row.items()}
        row["hour"] = oracle.iso(epoch(row["hour"]))
        out.append({k: round(v, 2) if isinstance(v, float) else v for k, v in row.items()})
    return sorted(out, key=json.dumps)


def judge_confluence(case, answer, expected):
    if not answer["ok"]: return answer["error"]
    if case["lang"] != "sigma":
        got = canonical(answer["rows"])
        wrong = [r for r in got if r not in expected["alerts"]] + [r for r in expected["alerts"] if r not in got]
        return f"differs: {wrong}" if wrong else None
    window = "sliding" if case.get("engine") == "sqlite" else "tumbling"             # SQLite knows sliding windows only
    for title, want in expected["sigma"][window].items():
        got = sorted(list(r["group"].values()) for r in answer["rows"] if r["title"] == title)
        if got != want: return f"{title}: got {got}, expected {want}"
    return None


def confluence():
    start, cases = time.time(), confluence_cases()
    expected = json.loads((CONFLUENCE / "expected.json").read_text(encoding="utf-8"))
    stale = [(f, (CONFLUENCE / f).read_text(encoding="utf-8") != text and "run oracle.py again")
             for f, text in oracle.files().items()]
    n = report("confluence: files of the oracle", stale, start)
    names, start = [f"{c['lang']} {c.get('engine', '')}" for c in cases], time.time()
    answers = run.answer(cases)
    judged = [(name, judge_confluence(c, a, expected)) for name, c, a in zip(names, cases, answers)]
    n += report("confluence: alerts = oracle", judged, start)
    for name, a in zip(names, answers): print(f"    {name.strip():18} {a.get('ms', 0):6.0f} ms {len(a.get('rows', [])):4} rows")
    start = time.time()
    checks = run.answer(cases, "check")
    return n + report("confluence: check.py", [(name, a["diagnostics"]) for name, a in zip(names, checks)], start)


def mutants():
    start, mutated, names = time.time(), [], []
    expected = json.loads((CONFLUENCE / "expected.json").read_text(encoding="utf-8"))
    changes = json.loads((CONFLUENCE / "mutants.json").read_text(encoding="utf-8"))
    for case in run.read(CONFLUENCE / "cases.json"):
        query = (CONFLUENCE / case["query_file"]).read_text(encoding="utf-8")
        for old, new in changes[case["lang"]] if "engine" not in case else []:
            names.append(f"{case['lang']}: {old!r} -> {new!r}")
            mutated.append({**case, "query": query.replace(old, new) if old in query else None})
    results = []
    for name, case, answer in zip(names, mutated, run.answer(mutated)):
        problem = answer.get("error") or (None if judge_confluence(case, answer, expected) else "the result is the same")
        results.append((name, problem))
    return report("confluence: mutants are detected", results, start)


# ---- the others ----------------------------------------------------------------------------------
def parser_suite():
    start, cases = time.time(), list(kql.parser_cases())
    answers, results = run.answer([case for _, case, _ in cases], "check"), []
    for (name, _, expected), a in zip(cases, answers):
        codes = " ".join(sorted({d["code"] for d in a["diagnostics"]}))
        results.append((name, None if codes == expected else f"got {codes!r}, expected {expected!r}"))
    return report("kql: Microsoft's parser", results, start)


def static_checks():
    start, cases = time.time(), list(checks.cases())
    answers, results = run.answer([case for _, case, _ in cases], "check"), []
    for (name, _, expected), a in zip(cases, answers):
        worst = "error" if not a["ok"] else "warning"
        codes = {d["code"] for d in a["diagnostics"] if d["severity"] == worst}
        results.append((name, None if expected in codes or (not codes and not expected) else f"{expected} is not in {codes}"))
    return report("check.py: aql, spl, sigma", results, start)


def protocol():
    """bad input must give an answer and must not disturb the other cases"""
    event = {"_time": 1, "u": "x" * 40}
    good, slow = "index=main | stats count", 'index=main | where match(u, "^(x|x)*y$|^(x|xx)*z$")'
    cases = [({"lang": "spl", "query": good, "events": [event]}, None),
             ({"lang": "sql", "query": "x"}, "lang:"),
             ({"lang": "kql", "engine": "x", "query": "T"}, "engine:"),
             ({"lang": "aql"}, "query:"),
             ({"lang": "aql", "query_file": "no-such-file"}, "query_file:"),
             ({"lang": "aql", "query": "x", "events_file": "no-such-file"}, "events_file:"),
             ({"lang": "spl", "query": good, "events": [1]}, "events:"),
             ({"lang": "spl", "query": good, "events": [{}]}, "_time"),
             ({"lang": "spl", "query": slow, "events": [event], "options": {"timeout": 1}}, "timed out"),
             ({"lang": "spl", "query": good, "events": [event]}, None)]
    start, results = time.time(), []
    for (case, want), a in zip(cases, run.answer([case for case, _ in cases])):
        wrong = not a["ok"] if want is None else a["ok"] or want not in a["error"]
        results.append((str(case)[:60], f"{a}" if wrong else None))
    return report("protocol: bad input", results, start)


def main():
    print(f"{'':38} {'passed':>6} {'failed':>6}")
    total = confluence() + static_checks() + protocol()
    if "--full" in sys.argv:
        total += mutants()
        total += suite("aql: constructs (sqlglot + duckdb)", aql.cases())
        total += suite("spl: constructs (reference)", spl.cases())
        total += suite("kql: constructs (duckdb)", kql.cases()) + parser_suite()
        total += suite("kql: constructs (interpreter)", kql.cases("interpreter"))
        total += suite("sigma: constructs (rsigma)", sigma.cases(), judge_sigma)
        total += suite("sigma: constructs (sqlite)", sigma.cases("sqlite"), judge_sigma)
    print(f"{total - len(FAILURES)} passed, {len(FAILURES)} failed")
    sys.exit(bool(FAILURES))


if __name__ == "__main__":
    if not pathlib.Path(run.PYTHON).exists(): sys.exit(f"not installed in {run.HOME}: run install.sh")
    main()
