#!/usr/bin/env python3
"""Brings the searches of this folder to a QRadar console, through its REST API. Standard library only.

    qradar_kit.py validate                          asks the console whether it understands each search
    qradar_kit.py reference-sets                    creates the reference sets and their values
    qradar_kit.py run --slot 1h [--at TIME]         runs all searches of one schedule slot as of TIME (now, to the minute),
                                                    and prints each row of a result as an alert, one JSON object a line

Nothing is sent without --apply: what would be sent is printed instead. The console's address and an authorised service
token come from --console and --token-file, or from QRADAR_CONSOLE and QRADAR_TOKEN. Call `run` once per slot and time, from
cron or a task scheduler: a search of slot 1h reports what ended in the hour before TIME, less the delay of its spec.
Exit codes: 0 all is well, 1 the console found fault with something, 2 wrong usage or no connection."""

import argparse
import datetime
import json
import os
import pathlib
import re
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
UNITS = {"MINUTES": 60_000, "HOURS": 3_600_000, "DAYS": 86_400_000}
# texts and names in quotes, and what is replaced outside of them
PIECES = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\bNOW\(\)|\bLAST (\d+) (MINUTES|HOURS|DAYS)\b")
API_VERSION = "20.0"


class Refused(Exception):
    """the console has answered, but not as it should"""


def as_of(query, moment):
    """the query of a run at a moment (milliseconds): NOW() is that moment, LAST a range that ends there"""
    def replace(found):
        if found[0] == "NOW()":
            return str(moment)
        if found[1]:
            return f"START {moment - int(found[1]) * UNITS[found[2]]} STOP {moment}"
        return found[0]
    return PIECES.sub(replace, query)


class Console:
    """the REST API, or, without --apply, a list of what would be asked of it"""

    def __init__(self, arguments):
        self.apply = arguments.apply
        self.address = (arguments.console or os.environ.get("QRADAR_CONSOLE", "")).rstrip("/")
        self.token = os.environ.get("QRADAR_TOKEN", "")
        if arguments.token_file:
            self.token = pathlib.Path(arguments.token_file).read_text().strip()
        if self.apply and not (self.address and self.token):
            sys.exit("qradar_kit: --apply needs a console (--console) and a token (--token-file)")
        self.context = ssl.create_default_context(cafile=arguments.ca_file)

    def ask(self, method, path, parameters=None, body=None, headers=None):
        """the answer as JSON; without --apply nothing"""
        url = path + ("?" + urllib.parse.urlencode(parameters) if parameters else "")
        if not self.apply:
            print(json.dumps({"would": method, "path": path, **({"parameters": parameters} if parameters else {}), **({"body": body} if body else {})}))
            return None
        data = None if body is None else json.dumps(body).encode()
        headers = {"SEC": self.token, "Version": API_VERSION, "Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.address + url, data, headers, method=method)
        try:
            context = self.context if self.address.startswith("https") else None
            with urllib.request.urlopen(request, timeout=60, context=context) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            try:
                found = json.loads(text)
            except ValueError:
                found = {"message": text}
            raise Refused(found.get("code"), f"{method} {path}: {error.code} {found.get('message', text)}") from error


def searches(slot=None):
    found = json.loads((HERE / "searches.json").read_text())
    return [search for search in found if slot in (None, search["slot"])]


def text_of(search):
    return (HERE / search["file"]).read_text()


def validate(console, _):
    good = True
    for search in searches():
        # as of a fixed moment, so that the same text is asked each time
        query = as_of(text_of(search), 1_700_000_000_000)
        answer = console.ask("POST", "/api/ariel/validators/aql", {"query_expression": query})
        for message in (answer or {}).get("error_messages") or []:
            good = good and message.get("severity") != "ERROR"
            print(f"{search['file']}: {message.get('severity')}: {message.get('message')}")
    return good


def reference_sets(console, _):
    for path in sorted((HERE / "reference-sets").glob("*.json")):
        wanted = json.loads(path.read_text())
        name = wanted["create"]["name"]
        try:
            made = console.ask("POST", "/api/reference_data_collections/sets", body=wanted["create"])
        except Refused as refused:
            if refused.args[0] != 10006:
                raise
            escaped = name.replace("\\", "\\\\").replace('"', '\\"')
            made = console.ask("GET", "/api/reference_data_collections/sets", {"filter": f'name="{escaped}"'})[0]
        number = made["id"] if made else f"<id of {name}>"
        entries = [{"collection_id": number, "value": value, "source": wanted["source"]} for value in wanted["values"]]
        console.ask("PATCH", "/api/reference_data_collections/set_entries", body=entries)
        print(f"{name}: {len(entries)} values", file=sys.stderr)
    return True


def run(console, arguments):
    known = sorted({search["slot"] for search in searches()})
    if arguments.slot not in known:
        print(f"qradar_kit: no search has the slot {arguments.slot}; there are: {', '.join(known)}", file=sys.stderr)
        return False
    moment = arguments.at or datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    moment = int(moment.timestamp() * 1000)
    good = True
    for search in searches(arguments.slot):
        try:
            for row in rows(console, as_of(text_of(search), moment)):
                print(json.dumps({"rule": search["id"], "title": search["title"], "run": moment, "row": row}))
        except Refused as refused:
            good = False
            print(f"{search['file']}: {refused.args[1]}", file=sys.stderr)
    return good


def rows(console, query):
    """starts a search, waits for it, and fetches its rows page by page"""
    search = console.ask("POST", "/api/ariel/searches", {"query_expression": query})
    if search is None:
        return
    path = f"/api/ariel/searches/{urllib.parse.quote(search['search_id'])}"
    while search["status"] not in ("COMPLETED", "CANCELED", "ERROR"):
        time.sleep(float(os.environ.get("QRADAR_POLL_SECONDS", "2")))
        search = console.ask("GET", path)
    if search["status"] != "COMPLETED":
        raise Refused(None, f"the search ended as {search['status']}")
    first, page = 0, 1000
    while True:
        found = console.ask("GET", path + "/results", headers={"Range": f"items={first}-{first + page - 1}"})
        # one member, named after the database
        found = next(iter(found.values()), [])
        yield from found
        if len(found) < page:
            return
        first += page


def moment(text):
    found = datetime.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--console", help="https://…")
    parser.add_argument("--token-file", help="file with an authorised service token")
    parser.add_argument("--ca-file", help="certificates that sign the console's")
    parser.add_argument("--apply", action="store_true", help="send it; otherwise it is only printed")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("validate").set_defaults(do=validate)
    commands.add_parser("reference-sets").set_defaults(do=reference_sets)
    runner = commands.add_parser("run")
    runner.set_defaults(do=run)
    runner.add_argument("--slot", required=True, help="such as 1h: searches.json says which there are")
    runner.add_argument("--at", type=moment, help="ISO 8601, UTC unless it says otherwise")
    arguments = parser.parse_args()
    try:
        sys.exit(0 if arguments.do(Console(arguments), arguments) else 1)
    except Refused as refused:
        print(f"qradar_kit: {refused.args[1]}", file=sys.stderr)
        sys.exit(1)
    except urllib.error.URLError as error:
        sys.exit(f"qradar_kit: no connection: {error.reason}")


if __name__ == "__main__":
    main()
