"""KQL -> skeleton: the syntax tree of Microsoft's parser (kql.js), with what every name is bound to."""
import json
import os
import pathlib
import subprocess

from skeletons.tree import Unreadable, both, either, negated, test

TESTS = {"==": "text", "=~": "text", "contains": "text", "contains_cs": "text", "startswith": "text", "startswith_cs": "text",
         "endswith": "text", "endswith_cs": "text", "matches regex": "regex", "in": "text", "in~": "text"}
NEGATED = {"!=": "==", "!~": "=~", "!in": "in", "!in~": "in~", "!contains": "contains"}


def read_all(kit, cases):
    """-> [(comments, skeleton) or Unreadable]"""
    requests = json.dumps([{"query": case["query"], "schema": case["schema"], "bind": binds(case, place)}
                           for place, case in enumerate(cases)])
    script = pathlib.Path(__file__).with_name("kql.js")
    done = subprocess.run(["node", "--stack-size=8000", script, kit], input=requests, capture_output=True, encoding="utf-8",
                          env={**os.environ, "TZ": "UTC"})
    if done.returncode: raise SystemExit(f"kql.js: {done.stderr.strip()[-800:]}")
    answers = []
    for line in done.stdout.split("\n")[:-1]:
        answer = json.loads(line)
        try:
            if "error" in answer: raise Unreadable(answer["error"])
            answers.append((comments_of(answer["trivia"]), build(answer["tree"])))
        except Unreadable as error:
            answers.append(error)
    if len(answers) != len(cases): raise SystemExit(f"kql.js answered {len(answers)} of {len(cases)} queries")
    return answers


def binds(case, place):
    """whether names are bound, which takes ten times as long: in every third query where they are an author's, else in
    every twelfth"""
    return place % (3 if case["reading"] == "name" else 12) == 0


def comments_of(trivia):
    """the comments between the tokens"""
    lines = [line.strip(" \t\r") for text in trivia for line in text.split("\n")]
    wrong = [line for line in lines if line and not line.startswith("//")]
    if wrong: raise Unreadable(f"neither token nor comment: {wrong}")
    return [line[2:].strip() for line in lines if line]


def build(node):
    """[kind, ..] as kql.js writes it"""
    kind, *parts = node
    if kind in ("text", "name", "token", "literal"): return tuple(node)
    if kind == "ParenthesizedExpression": return build(parts[1])
    if kind == "binary": return operation(parts[0], parts[1], parts[2])
    inner = [build(part) for part in parts]
    if kind == "member" and all(part[0] in ("name", "path") for part in inner): return path(*inner)
    if kind == "call" and inner[0][1] == "not" and len(inner) == 2: return negated(inner[1])
    return (kind, *inner)


def path(base, member):
    """`a.b.c`, however it is written"""
    start = base[1][1] if base[0] == "path" else base[1]
    return ("path", ("text", f"{start}.{member[1]}"))


def operation(operator, left, right):
    if operator == "or": return either([build(left), build(right)])
    if operator == "and": return both([build(left), build(right)])
    if operator in NEGATED and is_texts(right): return negated(operation(NEGATED[operator], left, right))
    if operator in TESTS and is_texts(right):
        return test(bare(build(left)), *((TESTS[operator], value) for value in texts(right)))
    return (operator, build(left), build(right))


def is_texts(node):
    return node[0] == "text" or (node[0] == "list" and all(part[0] == "text" for part in node[1:]))


def texts(node):
    return [node[1]] if node[0] == "text" else [part[1] for part in node[1:]]


def bare(node):
    """what is tested, without the lower case that a text may need"""
    while node[0] == "call" and node[1][1] == "tolower": node = node[2]
    return node
