"""Queries as a compiler with a hole would write them: injection.py must notice every one."""
import re

# target -> {what goes wrong: change of the query}
ESCAPES = {
    "aql": {"quotes are not doubled": lambda q: re.sub(r"(?<=[^'=(])''(?=[^',)\s])", "'", q)},
    "spl": {"double quotes are not escaped": lambda q: q.replace('\\"', '"'),
            "backslashes before quotes are not escaped": lambda q: q.replace('\\\\"', '\\"'),
            "characters are not encoded": lambda q: re.sub(r'urldecode\("%60"\)', '"`"', q)},
    "kql": {"double quotes are not escaped": lambda q: q.replace('\\"', '"'),
            "backslashes before quotes are not escaped": lambda q: q.replace('\\\\"', '\\"'),
            "quotes of verbatim texts are not doubled": lambda q: re.sub(r'(?<=[^"(])""(?=[^",)\s])', '"', q),
            "line ends are not escaped": lambda q: q.replace("\\n", "\n")},
    "sigma": {"texts are not quoted": lambda q: re.sub(r"(?m)(: |- )(['\"])(?=[&*!|>%@`{\[#]|.*: |.* #)(.*)\2$", r"\1\3", q),
              "quotes are not doubled": lambda q: re.sub(r"(?<=[^' ])''(?=[^'\s])", "'", q),
              "escapes are not written": lambda q: q.replace("\\n", "\n").replace("\\x85", "\x85").replace("\\r", "\r")},
}
# target -> {what is smuggled in: change of the query}
ADDED = {
    "aql": {"a condition": lambda q: re.sub(r"\nLAST ", "\n  OR 1 = 1\nLAST ", q, count=1),
            "a test": lambda q: re.sub(r"\nLAST ", "\n  AND username = 'x'\nLAST ", q, count=1),
            "a longer time": lambda q: re.sub(r"\nLAST (\d+)", r"\nLAST 9\1", q, count=1),
            "a limit": lambda q: re.sub(r"\nLAST ", "\nLIMIT 1\nLAST ", q, count=1),
            "a comment": lambda q: q + "\n-- x"},
    "spl": {"a command": lambda q: q + "\n| delete", "a stage": lambda q: q + "\n| head 1",
            "a macro": lambda q: q.replace('"', '"`x`', 1), "a token": lambda q: q.rstrip("\n") + ' | where a="$x$"',
            "a term": lambda q: q.replace("latest=", "NOT x latest=", 1),
            "an alternative": lambda q: q.replace("latest=-10m", "latest=-10m OR x=y", 1),
            "a comment": lambda q: q + " ``` x ```",
            "a subsearch": lambda q: q.replace("latest=-10m", "latest=-10m [search x]", 1),
            "an index": lambda q: q.replace("index=*", "index=_audit", 1)},
    "kql": {"a stage": lambda q: q + "\n| take 1", "a comment": lambda q: q + "\n// x",
            "a table": lambda q: q + "\n| union T",
            "a condition": lambda q: q.replace("\n| where", "\n| where true or", 1),
            "a statement": lambda q: "let x = 1;\n" + q,
            "a later time": lambda q: q.replace("ago(", "ago(9", 1)},
    "sigma": {"a key": lambda q: q + "\nextra: x", "a comment": lambda q: q + "\n# x",
              "a document": lambda q: q + "\n---\ntitle: x",
              "an anchor": lambda q: q.replace("\nlogsource:", "\nlogsource: &a", 1),
              "another condition": lambda q: re.sub(r"(condition: )", r"\1not ", q, count=1)},
}
HEADERS = {"spl": ("``` ", " ```"), "kql": ("// ", ""), "sigma": ("# ", "")}


def corrupted(case):
    """(what goes wrong, the query), for all that changes it"""
    changes = {**ESCAPES[case["target"]], **ADDED[case["target"]],
               "a part of the text is lost": lambda q: shortened(q, case["text"]),
               "the header is written as it is": lambda q: raw_header(q, case)}
    for name, change in changes.items():
        query = change(case["query"])
        if query != case["query"]: yield name, query


def shortened(query, text):
    """the query without the last letter of the text's longest word; a longer word that holds it is another one"""
    longest = max(re.findall("[A-Za-z]{5,}", text), key=len, default=None)
    if longest is None: return query
    return re.sub(f"(?i)(?<![a-z]){longest}(?![a-z])", lambda found: found.group()[:-1], query)


def raw_header(query, case):
    """the first comment with a text that ends it"""
    if case["target"] not in HEADERS: return query
    before, after = HEADERS[case["target"]]
    ends = {"spl": "x ``` | delete", "kql": "x\n| take 1 //", "sigma": "x\nextra: y #"}
    first, _, rest = query.partition("\n")
    return f"{before}{ends[case['target']]}{after}\n{rest}" if first.startswith(before) else query
