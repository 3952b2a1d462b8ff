#!/usr/bin/env python3
"""Execute queries on the engines:  run.py [FILE] < cases.json     (see README.md for the case format)

stdin (or FILE) holds one case or a list of cases; stdout gets one answer or the list of answers in the same order.
Exit status: 0 all answers are ok, 1 some are not, 2 the input cannot be read."""
import json
import os
import pathlib
import subprocess
import sys
import threading

sys.dont_write_bytecode = True                        # nothing is ever written into the kit's folder
HERE = pathlib.Path(__file__).resolve().parent
HOME = pathlib.Path(os.environ.get("ENGINES_HOME") or "~/.cache/detection-engines").expanduser().absolute()
PYTHON = str(HOME / "python/bin/python")
# (language, engine): (worker for run.py, worker for check.py); the first engine of a language is its default
WORKERS = {
    ("aql", "duckdb"): ([PYTHON, "aql"], [PYTHON, "aql"]),
    ("spl", "reference"): ([PYTHON, "spl"], [PYTHON, "spl"]),
    ("kql", "duckdb"): ([PYTHON, "kql"], ["node", "kql_parser"]),
    ("kql", "interpreter"): (["node", "kql_interpreter"], ["node", "kql_parser"]),
    ("sigma", "rsigma"): ([PYTHON, "sigma"], [PYTHON, "sigma_check"]),
    ("sigma", "sqlite"): ([PYTHON, "sigma_sqlite"], [PYTHON, "sigma_check"]),
    ("splunk_app", "appinspect"): (None, [sys.executable, "appinspect"]),
}


def failure(mode, message):
    if mode == "run": return {"ok": False, "error": message}
    return {"ok": False, "diagnostics": [{"severity": "error", "code": "refused", "message": message}]}


def worker_of(case, mode):
    """-> (command, None) or (None, what is wrong with the case)"""
    lang = case.get("lang") if isinstance(case, dict) else None
    engines = [e for l, e in WORKERS if l == lang]
    if not engines: return None, f"lang: one of {', '.join(sorted({l for l, _ in WORKERS}))} is expected"
    command = WORKERS.get((lang, case.get("engine") or engines[0]), (None, None))[mode == "check"]
    if not command: return None, f"engine: {mode} of {lang} knows {', '.join(engines)}"
    if "query" not in case and isinstance(case.get("query_file"), str):
        try: case["query"] = pathlib.Path(case.get("base", ""), case["query_file"]).read_text(encoding="utf-8")
        except OSError as error: return None, f"query_file: {error}"
    if not isinstance(case.get("query"), str): return None, "query: a string is expected"
    if command[0] == PYTHON and not os.path.exists(PYTHON): return None, f"not installed in {HOME}: run install.sh"
    return tuple(command), None


def work(command, mode, cases):
    """Run one worker over its cases.  If the worker dies, only the case it died on fails."""
    env = {**os.environ, "ENGINES_HOME": str(HOME), "PYTHONPYCACHEPREFIX": str(HOME / "pycache"), "TZ": "UTC"}
    program, name = command
    command = [program, f"lang/{name}.js"] if program == "node" else [program, "-m", f"lang.{name}", mode]
    answers = []
    while len(answers) < len(cases):
        todo = cases[len(answers):]
        try:
            done = subprocess.run(command, input=json.dumps(todo), capture_output=True, encoding="utf-8", errors="replace",
                                  env=env, cwd=HERE)
        except OSError as error:
            return answers + [failure(mode, f"cannot start {command[0]}: {error.strerror}") for _ in todo]
        lines = done.stdout.split("\n")[:-1]             # complete lines only
        answers += [json.loads(line) for line in lines]
        if len(lines) < len(todo):
            why = "timed out" if done.returncode == -14 else f"died ({done.returncode}): {done.stderr.strip()[-800:]}"
            lost = 1 if lines or done.returncode < 0 else len(todo)          # all: it cannot even start
            answers += [failure(mode, f"the engine {why}")] * lost
    return answers


def answer(cases, mode="run"):
    """The answers to a list of cases, in order.  Every engine is started once; two engines run at a time."""
    answers, groups = [None] * len(cases), {}
    for i, case in enumerate(cases):
        command, problem = worker_of(case, mode)
        if problem: answers[i] = failure(mode, problem)
        else: groups.setdefault(command, []).append(i)
    slots = threading.Semaphore(2)

    def start(command, members):
        with slots:
            for i, result in zip(members, work(command, mode, [cases[i] for i in members])): answers[i] = result

    threads = [threading.Thread(target=start, args=group) for group in groups.items()]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return answers


def read(path=None):
    """Cases of a file or of stdin; query_file and events_file are relative to the file (or to the current folder)."""
    given = json.loads(pathlib.Path(path).read_bytes() if path else sys.stdin.buffer.read())
    base = str(pathlib.Path(path).resolve().parent if path else pathlib.Path.cwd())
    for case in given if isinstance(given, list) else [given]:
        if isinstance(case, dict): case["base"] = base
    return given


def main(mode):
    if sys.argv[1:2] in (["-h"], ["--help"]): sys.exit(sys.modules["__main__"].__doc__)
    try:
        given = read(sys.argv[1] if len(sys.argv) > 1 else None)
    except (OSError, ValueError) as error:
        print(f"{mode}: cannot read the input: {error}", file=sys.stderr)
        sys.exit(2)
    answers = answer(given if isinstance(given, list) else [given], mode)
    json.dump(answers if isinstance(given, list) else answers[0], sys.stdout, indent=1)
    print()
    sys.exit(not all(a["ok"] for a in answers))


if __name__ == "__main__":
    main("run")
