#!/usr/bin/env python3
"""Checks packages of this repository's detections with tools that share no code with Cognate.

usage: packages.py KIT               KIT is the folder of the engine kit; needs its Python (YAML) and, for apps, AppInspect

Splunk: AppInspect accepts the app, a second build gives the same archive, each search is understood. Sentinel: YAML and ARM
template say the same, queries bind in Microsoft's parser, every column that an entity, a detail or a text names is in the
result. QRadar: the kit's script validates, creates sets and runs searches on a console that answers as the API documents.
Sigma: pySigma and rsigma read each file. Prints a line for each problem and a summary 'N passed, N failed'."""
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.parse

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
COGNATE = os.environ.get("COGNATE", str(ROOT / "target/release/cognate"))
# folder and site file of the projects whose packages are checked
PROJECTS = [(ROOT, "docs/site.example.yml"), (ROOT / "tests/packages/project", "site.yml")]


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, problem):
        """a problem, or nothing"""
        self.passed += not problem
        self.failed += bool(problem)
        if problem:
            print(f"{name}: {problem}")


def package(kind, project, folder):
    root, site = project
    subprocess.run([COGNATE, "package", kind, "--out", str(folder), "--site", site], cwd=root, check=True, capture_output=True)
    return json.loads((folder / "package.json").read_text())


def answers(kit, cases):
    done = subprocess.run([sys.executable, kit / "check.py"], input=json.dumps(cases), capture_output=True, encoding="utf-8")
    if done.returncode not in (0, 1):
        sys.exit(f"the engine kit cannot be used: {done.stderr.strip()}")
    return json.loads(done.stdout)


def errors(answer):
    return "; ".join(f"{found['code']}: {found['message']}" for found in answer["diagnostics"] if found["severity"] == "error")


def splunk(kit, project, folder, report):
    listed = package("splunk", project, folder / "a")
    app = folder / "a" / f"{listed['name']}-{listed['version']}.tgz"
    package("splunk", project, folder / "b")
    report.check("splunk: the same archive twice", app.read_bytes() != (folder / "b" / app.name).read_bytes() and "different bytes")
    [answer] = answers(kit, [{"lang": "splunk_app", "query": str(app)}])
    report.check("splunk: AppInspect", errors(answer))
    with tarfile.open(app) as archive:
        saved = archive.extractfile(f"{listed['name']}/default/savedsearches.conf").read().decode()
        macros = archive.extractfile(f"{listed['name']}/default/macros.conf").read().decode()
    defined = set(re.findall(r"^\[(.+)\]$", macros, re.M))
    stanzas = re.split(r"^\[(.+)\]$", re.sub(r" \\\n", "\n", saved), flags=re.M)[1:]
    searches = [(name, re.search(r"^search = (.*?)\n(?=[a-z_.]+ = )", body, re.M | re.S)[1]) for name, body in zip(stanzas[::2], stanzas[1::2])]
    used = [re.findall(r"`(\w+)`", text) for _, text in searches]
    for (name, _), macros in zip(searches, used):
        report.check(f"splunk: macros of {name}", set(macros) - defined and f"not defined: {set(macros) - defined}")
    lookups = {name for _, text in searches for name in re.findall(r"\| lookup (\S+)", text)}
    with tarfile.open(app) as archive:
        delivered = {pathlib.PurePath(name).stem for name in archive.getnames() if name.endswith(".csv")}
        transforms = archive.extractfile(f"{listed['name']}/default/transforms.conf").read().decode() if lookups else ""
    report.check("splunk: lookups", lookups != delivered and f"{lookups} and {delivered}")
    report.check("splunk: definitions of lookups", lookups - set(re.findall(r"^\[(.+)\]$", transforms, re.M)))
    tables = {name: [{"value": "x"}] for name in lookups}
    cases = [{"lang": "spl", "options": {"lookups": tables}, "query": re.sub(r"\n\| `\w+`$", "", text)} for _, text in searches]
    for (name, _), answer in zip(searches, answers(kit, cases), strict=True):
        report.check(f"splunk: {name}", errors(answer))


def sentinel(kit, project, folder, report):
    listed = package("sentinel", project, folder)
    tables = json.loads(subprocess.run([COGNATE, "schema", "--tables", "--site", project[1]], cwd=project[0], check=True, capture_output=True).stdout)
    real = json.loads((ROOT / "tests/conformance/tables.json").read_text())
    template = json.loads((folder / "analytics-rules.arm.json").read_text())
    by_id = {re.search(r"[0-9a-f-]{36}", resource["name"])[0]: resource["properties"] for resource in template["resources"]}
    rules = [(spec["spec"], yaml.safe_load((folder / f"analytics-rules/{spec['spec']}.yaml").read_text())) for spec in listed["specs"]]
    schema = lambda spec: {table: real.get(table, columns) for table, columns in tables[f"detections/{spec}.yml"].items()}
    found = answers(kit, [{"lang": "kql", "query": rule["query"], "schema": schema(spec)} for spec, rule in rules])
    for (spec, rule), answer in zip(rules, found, strict=True):
        report.check(f"sentinel: {spec}: query", errors(answer))
        columns = {column["name"] for column in answer["result"]["columns"]}
        named = {field["columnName"] for entity in rule.get("entityMappings", []) for field in entity["fieldMappings"]}
        named |= set(rule.get("customDetails", {}).values())
        named |= {token for text in rule.get("alertDetailsOverride", {}).values() for token in re.findall(r"\{\{(\w+)\}\}", text)}
        report.check(f"sentinel: {spec}: columns", named - columns and f"not in the result: {sorted(named - columns)}")
        custom = folder / f"custom-detections/{spec}.json"
        if custom.exists():
            rule_of_defender = json.loads(custom.read_text())
            mapped = {column for entities in rule_of_defender["detectionAction"]["alertTemplate"]["entityMappings"].values() for entity in entities for column in entity.values()}
            report.check(f"defender: {spec}: columns", ({"Timestamp", "ReportId"} | mapped) - columns)
            report.check(f"defender: {spec}: query", rule_of_defender["queryCondition"]["queryText"] != rule["query"].rstrip("\n"))
        arm = by_id[rule["id"]]
        same = [(arm["query"], rule["query"].rstrip("\n")), (arm["displayName"], rule["name"]), (arm["severity"], rule["severity"]),
                (arm.get("entityMappings", []), rule.get("entityMappings", [])), (arm.get("customDetails", {}), rule.get("customDetails", {})),
                (arm["tactics"], rule["tactics"]), (arm["techniques"], sorted({id.split(".")[0] for id in rule["relevantTechniques"]}))]
        report.check(f"sentinel: {spec}: YAML and ARM", next((f"{a!r} and {b!r}" for a, b in same if a != b), None))
        limits = {"name": len(rule["name"]) <= 256, "details": len(rule.get("customDetails", {})) <= 20,
                  "detail names": all(re.fullmatch(r"[a-zA-Z]\w{0,19}", key) for key in rule.get("customDetails", {})), "query": len(rule["query"]) <= 10_000}
        report.check(f"sentinel: {spec}: limits", [limit for limit, holds in limits.items() if not holds])


class Console(http.server.BaseHTTPRequestHandler):
    """a small QRadar console: reference sets, the validator, and searches that need two looks and give 1,500 rows"""

    def answer(self):
        url, console = urllib.parse.urlsplit(self.path), self.server
        asked = dict(urllib.parse.parse_qsl(url.query))
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        console.asked.append((self.command, url.path, asked, body))
        status, answer = 200, None
        if self.headers["SEC"] != "secret":
            status, answer = 401, {"code": 18, "message": "You are unauthorized to access the requested resource."}
        elif (self.command, url.path) == ("POST", "/api/ariel/validators/aql"):
            bad = "bad_column" in asked["query_expression"]
            answer = {"error_messages": [{"code": 2100, "severity": "ERROR", "message": "no such column"}] if bad else None}
        elif (self.command, url.path) == ("POST", "/api/reference_data_collections/sets"):
            if body["name"] in console.sets:
                status, answer = 409, {"code": 10006, "message": "exists"}
            else:
                console.sets[body["name"]] = len(console.sets) + 1
                status, answer = 201, {"id": console.sets[body["name"]], "name": body["name"]}
        elif (self.command, url.path) == ("GET", "/api/reference_data_collections/sets"):
            name = re.fullmatch('name="(.*)"', asked["filter"])[1]
            answer = [{"id": console.sets[name], "name": name}]
        elif (self.command, url.path) == ("PATCH", "/api/reference_data_collections/set_entries"):
            console.entries += body
            status, answer = 202, {"id": 1, "status": "QUEUED"}
        elif (self.command, url.path) == ("POST", "/api/ariel/searches"):
            status, answer = 201, {"search_id": f"s{len(console.asked)}", "status": "WAIT"}
        elif url.path.endswith("/results"):
            first, last = map(int, re.fullmatch(r"items=(\d+)-(\d+)", self.headers["Range"]).groups())
            answer = {"events": [{"user": f"u{n}"} for n in range(1500)][first:last + 1]}
        elif self.command == "GET" and url.path.startswith("/api/ariel/searches/"):
            console.looks[url.path] = console.looks.get(url.path, 0) + 1
            answer = {"search_id": url.path.rsplit("/", 1)[1], "status": "COMPLETED" if console.looks[url.path] > 1 else "EXECUTE"}
        else:
            status, answer = 404, {"message": "no such endpoint"}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = answer

    def log_message(self, *_):
        pass


def qradar(kit, project, folder, report):
    package("qradar", project, folder)
    searches = json.loads((folder / "searches.json").read_text())
    texts = {search["file"]: (folder / search["file"]).read_text() for search in searches}
    for (name, _), answer in zip(texts.items(), answers(kit, [{"lang": "aql", "query": text} for text in texts.values()]), strict=True):
        report.check(f"qradar: {name}", errors(answer))
    console = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Console)
    console.asked, console.sets, console.entries, console.looks = [], {}, [], {}
    threading.Thread(target=console.serve_forever, daemon=True).start()
    environment = {**os.environ, "QRADAR_CONSOLE": f"http://127.0.0.1:{console.server_port}", "QRADAR_TOKEN": "secret", "QRADAR_POLL_SECONDS": "0"}

    def script(*arguments, token="secret"):
        command = [sys.executable, folder / "qradar_kit.py", *arguments]
        return subprocess.run(command, env={**environment, "QRADAR_TOKEN": token}, capture_output=True, text=True)

    done = script("validate")
    report.check("qradar: nothing is sent without --apply", (console.asked or done.returncode) and f"{console.asked[:1]} {done.stderr}")
    done = script("--apply", "validate")
    report.check("qradar: validate", (done.returncode or len(console.asked) != len(searches)) and done.stderr)
    sent = [asked["query_expression"] for *_, asked, _ in console.asked]
    report.check("qradar: no NOW() and no LAST is sent", [text for text in sent if "NOW()" in text or re.search(r"LAST \d", text)])
    [answer, *more] = answers(kit, [{"lang": "aql", "query": text} for text in sent])
    report.check("qradar: what is sent can be read", "; ".join(filter(None, map(errors, [answer, *more]))))
    wrong = folder / searches[0]["file"]
    wrong.write_text("SELECT bad_column FROM events LAST 5 MINUTES")
    report.check("qradar: what the console finds wrong", script("--apply", "validate").returncode != 1 and "exit code")
    wrong.write_text(texts[searches[0]["file"]])
    sets = sorted((folder / "reference-sets").glob("*.json"))
    first, again = script("--apply", "reference-sets"), script("--apply", "reference-sets")
    values = sum(len(json.loads(path.read_text())["values"]) for path in sets)
    report.check("qradar: reference sets, twice", (first.returncode or again.returncode or len(console.sets) != len(sets) or len(console.entries) != 2 * values)
                 and f"{first.stderr} {again.stderr} {len(console.sets)} sets, {len(console.entries)} entries")
    slot = searches[0]["slot"]
    done = script("--apply", "run", "--slot", slot, "--at", "2026-01-05T10:00:00+00:00")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    count = sum(search["slot"] == slot for search in searches)
    report.check("qradar: run", (done.returncode or len(rows) != 1500 * count) and f"{len(rows)} rows: {done.stderr}")
    report.check("qradar: the moment of a run", {row["run"] for row in rows} != {1767607200000} and "another moment")
    report.check("qradar: a slot that does not exist", script("--apply", "run", "--slot", "9d").returncode != 1 and "exit code")
    report.check("qradar: a wrong token", script("--apply", "validate", token="other").returncode != 1 and "exit code")
    console.shutdown()


def sigma(kit, project, folder, report):
    listed = package("sigma", project, folder)
    files = [path for path in sorted(listed["files"]) if path.endswith(".yml")]
    found = answers(kit, [{"lang": "sigma", "query": (folder / path).read_text()} for path in files])
    for path, answer in zip(files, found, strict=True):
        report.check(f"sigma: {path}", errors(answer))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    kit, report = pathlib.Path(sys.argv[1]).resolve(), Report()
    with tempfile.TemporaryDirectory() as scratch:
        for number, project in enumerate(PROJECTS):
            for kind in (splunk, sentinel, qradar, sigma):
                kind(kit, project, pathlib.Path(scratch) / str(number) / kind.__name__, report)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
