#!/usr/bin/env python3
"""Executes queries on independent engines and compares their rows with the reference evaluator's.

KIT is the folder of the engine kit, CASES are files with one case a line (see tests/conformance/cases). Prints each difference
with its query, a table of specs and targets (exact, approximate with codes, refused, skipped, FAILED), and
'N passed, N failed'. Exit status 1 if something failed, 2 if the kit cannot be used.

Where rsigma does not give the evaluator's rows for a Sigma rule, pySigma with SQLite is asked: one of two independent
engines must agree ('2nd engine' in the table). If SQLite cannot be asked (keywords, lists), rsigma must agree on the events
without line ends, which its wildcards do not match ('no line ends'). The times of alerts are rsigma's alone: SQLite says none. What neither can run stands with its reason in deviations.json."""
import argparse
import collections
import functools
import json
import math
import pathlib
import re
import subprocess
import sys
from datetime import datetime, timezone

TARGETS = ("aql", "spl", "kql", "sigma")
MARKER = "cognate_event"
# Engines other than the kit's default: the default for KQL lacks mv-apply, bin_at and more.
ENGINES = {"kql": "interpreter"}
# A batch of cases for the kit: it starts each engine once.
BATCH = 400


def read(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").split("\n") if line]


def execute(kit, cases):
    """the engine's answer for each case"""
    answers = []
    for start in range(0, len(cases), BATCH):
        batch = [{"engine": ENGINES[case["target"]], **case["case"]} if case["target"] in ENGINES else case["case"]
                 for case in cases[start:start + BATCH]]
        done = subprocess.run([sys.executable, kit / "run.py"], input=json.dumps(batch), capture_output=True, encoding="utf-8")
        if done.returncode not in (0, 1):
            sys.exit(f"the engine kit cannot be used: {done.stderr.strip()}")
        answers += json.loads(done.stdout)
    return answers


def milliseconds(target, value):
    """a moment as an engine shows it"""
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return round(moment.timestamp() * 1000)
    number = as_number(value)
    return None if number is None else round(number * (1 if target == "aql" else 1000))


def as_number(value):
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def is_close(a, b):
    return a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12))


def as_text(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def as_list(value):
    if value is None or value == "":
        return []
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            pass
    return [as_text(v) for v in value] if isinstance(value, list) else [as_text(value)]


def is_same(target, expected, value):
    """whether an engine's value is the evaluator's"""
    if expected is None:
        return value is None or value == "" or value == []
    (kind, wanted), = expected.items()
    if kind == "time":
        return milliseconds(target, value) == round(wanted)
    if kind == "seconds":
        seconds = value["timespan_s"] if isinstance(value, dict) and "timespan_s" in value else as_number(value)
        return is_close(seconds, wanted)
    if kind == "number":
        return is_close(as_number(value), float(wanted))
    if kind == "boolean":
        return str(value).lower() in (("true", "1", "1.0") if wanted else ("false", "0", "0.0"))
    if kind == "list":
        # one empty text looks like no value
        return as_list(value) == wanted or (wanted == [""] and value in ("", None))
    if kind == "values":
        return sorted(as_list(value)) == sorted(as_text(v) for v in wanted) or (wanted == [""] and value in ("", None))
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return as_text(value) == wanted if value is not None else wanted == ""


def is_same_row(target, expected, row):
    return all(is_same(target, wanted, row.get(column)) for column, wanted in expected.items())


def unmatched(target, expected, rows):
    """(expected rows that did not come, rows that were not expected)"""
    left, missing = list(rows), []
    for wanted in expected:
        found = next((i for i, row in enumerate(left) if is_same_row(target, wanted, row)), None)
        if found is None:
            missing.append(wanted)
        else:
            del left[found]
    return missing, left


def compare_rows(target, expected, rows):
    if len(expected) == len(rows) and all(is_same_row(target, w, r) for w, r in zip(expected, rows)):
        return None
    missing, left = unmatched(target, expected, rows)
    if missing or left:
        return "\n".join([f"missing    {json.dumps(w, ensure_ascii=False)}" for w in missing[:3]]
                         + [f"unexpected {json.dumps(r, ensure_ascii=False)}" for r in left[:3]])
    return "the rows come in another order" if any("window_start" in w for w in expected) else None


def compare_events(case, found):
    """events that were not found, found without being expected, or found several times"""
    wanted, seen = collections.Counter(case["expected"]), collections.Counter(found)
    if wanted == seen:
        return None
    events = {event.get(MARKER, index): event for index, event in enumerate(case["case"]["events"])}

    def lines(word, marks):
        return [f"{word} {json.dumps(events.get(mark, mark), ensure_ascii=False)}" for mark in list(marks)[:3]]
    return "\n".join(lines("missing   ", wanted - seen) + lines("unexpected", seen - wanted))


def group_of(row):
    return tuple("" if value is None else as_text(value) for value in row["group"].values())


def groups_of(keys):
    return [tuple("" if key is None else as_text(next(iter(key.values()))) for key in group) for group in keys]


def untimely(case, answer):
    """alerts of rsigma that are not raised by an event of their time, or nothing"""
    if case["kind"] != "groups":
        return None
    times = [milliseconds("kql", event["@timestamp"]) for event in case["case"]["events"]]
    raised = {(group_of(row), times[row["last_event"]]) for row in answer["rows"] if row["kind"] == "correlation"}
    missing = sorted(set(zip(groups_of(case["expected"]), case["instants"], strict=True)) - raised)
    return f"no alert at {missing[:3]}, but at {sorted(raised)[:5]}" if missing else None


def compare(case, answer):
    """what is different, or nothing"""
    target, kind, expected = case["target"], case["kind"], case["expected"]
    if not answer["ok"]:
        return f"the engine refuses: {answer['error']}"
    rows = answer["rows"]
    if kind == "events":
        column = "event_index" if target == "sigma" else MARKER
        return compare_events(case, [row.get(column) for row in rows])
    if kind == "groups":
        found, wanted = {group_of(row) for row in rows if row["kind"] == "correlation"}, set(groups_of(expected))
        return None if found == wanted else f"expected groups {sorted(wanted)}, found {sorted(found)}"
    return compare_rows(target, expected, rows)


def table(results):
    """spec x target"""
    specs = list(dict.fromkeys(spec for spec, _ in results))
    width = max(len(spec) for spec in specs)
    widths = {t: max(len(t), *(len(results.get((s, t), "")) for s in specs)) for t in TARGETS}
    lines = [f"{'spec':{width}}  " + "  ".join(f"{t:{widths[t]}}" for t in TARGETS)]
    lines += [f"{s:{width}}  " + "  ".join(f"{results.get((s, t), ''):{widths[t]}}" for t in TARGETS) for s in specs]
    return "\n".join(line.rstrip() for line in lines)


def second_opinions(kit, failed):
    """what is different on the second engine for Sigma, by the case's place"""
    asked = [(place, case) for place, case in failed if case["target"] == "sigma"]
    again = [{**case, "case": {**case["case"], "engine": "sqlite"}} for _, case in asked]
    return {place: compare(case, answer) for (place, _), case, answer in zip(asked, again, execute(kit, again), strict=True)}


@functools.cache
def deviations():
    """what the engines are known not to run as the languages' documents say"""
    return json.loads((pathlib.Path(__file__).parent / "deviations.json").read_text(encoding="utf-8"))


def without_line_ends(kit, failed):
    """what is different without the events with a line end in a value, by the case's place"""
    asked = [(place, {**case, **case["without_line_ends"]}) for place, case in failed if case.get("without_line_ends")]
    answers = execute(kit, [case for _, case in asked])
    return {place: compare(case, answer) or untimely(case, answer) for (place, case), answer in zip(asked, answers, strict=True)}


def known_deviation(case):
    """why the engines cannot run a case as the language's documents say, if that is known"""
    for entry in deviations():
        named = entry.get("spec") == case["spec"] or ("query" in entry and re.search(entry["query"], case["case"]["query"]))
        if entry["target"] == case["target"] and named:
            return entry["reason"]
    return None


def mark(case):
    return f"approximate {' '.join(case['codes'])}" if case["codes"] else "exact"


class Report:
    """what came out so far"""

    def __init__(self):
        self.results, self.counts, self.not_run = {}, collections.Counter(), {}
        self.specs = collections.defaultdict(set)

    def add(self, kit, found):
        """executes cases and reports their differences"""
        built = [case for case in found if case["status"] == "built"]
        for case in found:
            self.note(case)
        answers = execute(kit, built)
        differences = [compare(case, answer) for case, answer in zip(built, answers, strict=True)]
        second = second_opinions(kit, [(i, case) for i, (case, d) in enumerate(zip(built, differences)) if d])
        # of times the second engine says nothing
        late = {i: untimely(case, answers[i]) for i, case in enumerate(built) if not differences[i]}
        differences = [difference or late[i] for i, difference in enumerate(differences)]
        shorter = without_line_ends(kit, [(i, case) for i, case in enumerate(built) if differences[i] and second.get(i, True)])
        for place, (case, difference) in enumerate(zip(built, differences, strict=True)):
            agrees = {"(2nd engine)": second, "(no line ends)": shorter}
            self.settle(case, difference, next((how for how, asked in agrees.items() if place in asked and asked[place] is None), None))

    def note(self, case):
        """a case that is not executed"""
        match case["status"]:
            case "invalid":
                self.counts["failed"] += 1
                print(f"{case['spec']}: {case['reason']}")
            case "witnesses":
                self.counts["reached"] += case["reached"]
                self.counts["unreached"] += len(case["unreached"])
            case "not understood":
                self.counts["not understood"] += 1
            case "refused" | "skipped" as status:
                self.results.setdefault((case["spec"], case["target"]), status)
                self.specs[case["target"], status].add(case["spec"])

    def settle(self, case, difference, otherwise):
        """an executed case: `otherwise` says how the engines agree if not at once"""
        key, target = (case["spec"], case["target"]), case["target"]
        self.specs[target, "approximate" if case["codes"] else "exact"].add(case["spec"])
        self.counts[target, "with rows" if case["expected"] else "without"] += 1
        if case["kind"] == "events":
            self.counts[target, "found"] += len(case["expected"])
            self.counts[target, "left out"] += len(case["case"]["events"]) - len(case["expected"])
        if difference is None:
            self.counts["passed"] += 1
            self.results.setdefault(key, mark(case))
        elif otherwise:
            self.counts["passed"] += 1
            self.counts[otherwise] += 1
            self.results[key] = "FAILED" if self.results.get(key) == "FAILED" else f"{mark(case)} {otherwise}"
        elif known_deviation(case):
            self.counts["not run"] += 1
            self.not_run[key] = known_deviation(case)
            self.results[key] = "not run"
        else:
            self.counts["failed"] += 1
            self.results[key] = "FAILED"
            print(f"\n{case['spec']}: {case['run']}: {target}\n{difference}\n{case['case']['query']}")

    def show(self, targets, with_table):
        counts = self.counts
        if with_table:
            print(table(self.results))
            for (spec, target), reason in self.not_run.items():
                print(f"not run: {spec} for {target}: {reason}")
        for target in targets:
            kinds = ", ".join(f"{len(self.specs[target, kind])} {kind}" for kind in ("exact", "approximate", "refused", "skipped"))
            print(f"{target}: {kinds}; {counts[target, 'with rows']} runs with rows, {counts[target, 'without']} without; "
                  f"of plain rules {counts[target, 'found']} events found, {counts[target, 'left out']} left out")
        if counts["reached"]:
            print(f"{counts['reached']} values have a witness, {counts['unreached']} have none; {counts['not understood']} specs not understood")
        print(f"{counts['(2nd engine)']} of the Sigma runs agree on the second engine only, {counts['(no line ends)']} without line ends only, "
              f"{counts['not run']} runs are beyond the engines")
        print(f"{counts['passed']} passed, {counts['failed']} failed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kit", type=pathlib.Path)
    parser.add_argument("cases", nargs="+")
    parser.add_argument("--targets", default=",".join(TARGETS), help="only these, separated by commas")
    parser.add_argument("--no-table", action="store_true", help="only differences and the summary")
    arguments = parser.parse_args()
    targets, report = arguments.targets.split(","), Report()
    for path in arguments.cases:
        report.add(arguments.kit, [case for case in read(path) if case.get("target", targets[0]) in targets])
    report.show(targets, not arguments.no_table)
    return 1 if report.counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
