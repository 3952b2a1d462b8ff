"""SPL -> skeleton: the commands, searches and expressions that the kit's reference parser reads."""
import re
import urllib.parse

from lang import spl as kit
from lang.spl_expr import SplError, end_of_string, field_name, names, parse_eval, parse_search, split_top

from skeletons.tree import Unreadable, both, either, negated, test

TOKEN = re.compile(r'[+-]?"(?:\\.|[^"\\])*"|\'[^\']*\'|[^\s,()="\']+|[,()=]', re.S)


def read(case):
    """-> (comments, skeleton)"""
    query = case["query"].strip()
    try:
        comments, body = separated(query)
        forbidden(body)
        reader = Reader()
        reader.run(query)
    except (SplError, ValueError) as error:
        raise Unreadable(str(error)) from None
    return comments, ("pipeline", *reader.stages)


def separated(query):
    """-> (texts of the comments, the rest)"""
    comments, body, i = [], "", 0
    while i < len(query):
        if query.startswith("```", i):
            end = query.find("```", i + 3)
            if end < 0: raise Unreadable("a comment does not end")
            comments.append(query[i + 3:end])
            i = end + 3
            continue
        end = end_of_string(query, i) if query[i] == '"' else i + 1
        body += query[i:end]
        i = end
    return comments, body


def forbidden(body):
    """macros are expanded and tokens replaced before anything is parsed, also inside of texts"""
    if "`" in body: raise Unreadable("a backtick: a macro")
    if token := re.search(r"\$[^\s$\"]+\$", body): raise Unreadable(f"a token: {token.group()!r}")
    if hidden := re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", body):
        raise Unreadable(f"a character that nobody sees: {hidden.group()!r}")


class Reader(kit.Pipeline):
    """Runs a query over no events and keeps the tree of every command."""

    def __init__(self):
        super().__init__([], 1_700_000_000, checking=True)
        self.stages = []

    def search(self, q, rows=None):
        self.stages.append(("search", of_search(parse_search(q, self))))
        return rows or []

    def subsearch(self, q):
        inner = Reader()
        inner.run(q)
        return ("subsearch", ("pipeline", *inner.stages))

    def command(self, q, rows):
        word, _, rest = q.strip().partition(" ")
        word, rest = (word, rest) if "\n" not in word else q.strip().split("\n", 1)
        if word not in ("search", "multisearch"): self.stages.append(of_command(word, rest.strip()))
        return super().command(q, rows)

    def c_multisearch(self, q, rows):
        self.stages.append(("multisearch", *(self.subsearch(search) for search in self.searches(q))))
        return []


def of_command(word, rest):
    """the tree of a command"""
    if word == "where": return (word, of_eval(parse_eval(rest)))
    if word == "eval": return (word, *(assignment(part) for part in split_top(rest, ",")))
    if word in ("stats", "eventstats"): return (word, *aggregations(rest, word))
    if word == "streamstats":
        rest, options = kit.options(rest, "current", "window", "global", "time_window", "allnum")
        return (word, *(("option", *pair) for pair in sorted(options.items())), *aggregations(rest, word))
    if word in ("table", "fields"): return (word, *(("name", name) for name in names(rest)))
    return (word, *map(token, TOKEN.findall(rest)))


def token(text):
    """a word of a command that has no expressions"""
    if text in ("(", ")", ",", "="): return text
    sign = text[0] if text[0] in "+-" else ""
    return ("word", sign, ("name", field_name(text[len(sign):])))


def assignment(part):
    m = re.match(r"\s*(\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\s=]+)\s*=(?!=)(.*)$", part, re.S)
    if not m: raise Unreadable(f"eval: cannot read {part[:40]!r}")
    return ("=", ("name", field_name(m[1])), of_eval(parse_eval(m[2])))


def aggregations(rest, word):
    found, by = kit.parse_aggregations(rest, word)
    for label, function, argument in found:
        inner = () if argument is None else (of_eval(argument[1]),) if argument[0] == "eval" else (("name", argument[1]),)
        yield ("measure", function, ("name", label), *inner)
    yield ("by", *(("name", name) for name in by))


def of_search(tree):
    """the search command's tree; tests of one field beside each other are one, as its parts of a text are"""
    kind = tree[0]
    if kind == "or": return either([of_search(part) for part in tree[1]])
    if kind == "and": return one_of_each([of_search(part) for part in tree[1]])
    if kind == "not": return ("not", of_search(tree[1]))
    if kind == "compare":
        _, field, operator, value, cased = tree
        if operator == "=" and not cased: return test(("name", field), ("find", value))
        return ("compare", operator, str(cased), ("name", field), ("text", value))
    if kind == "term":
        if re.fullmatch(r"\*[A-Za-z0-9]+\*", tree[1]): return test("raw", ("word", tree[1][1:-1]))
        return ("term", str(tree[2]), ("text", tree[1]))
    return tree


def one_of_each(parts):
    """a conjunction in which neighbours on the same field are one test"""
    kept = []
    for part in (inner for part in parts for inner in (part[1:] if part[0] == "and" else [part])):
        if kept and part[0] == kept[-1][0] == "is" and part[1] == kept[-1][1]:
            kept[-1] = ("is", part[1], kept[-1][2] + part[2])
        else:
            kept.append(part)
    return kept[0] if len(kept) == 1 else ("and", *kept)


def of_eval(tree):
    """an expression's tree; texts that are put together are one text"""
    kind = tree[0]
    if kind == "literal": return ("text", tree[1]) if isinstance(tree[1], str) else ("number", str(tree[1]))
    if kind == "field": return ("name", tree[1])
    if kind == "or": return either([of_eval(tree[1]), of_eval(tree[2])])
    if kind == "and": return both([of_eval(tree[1]), of_eval(tree[2])])
    if kind == "not": return negated(of_eval(tree[1]))
    if kind == "minus": return (kind, of_eval(tree[1]))
    if kind == "compare": return comparison(tree[1], of_eval(tree[2]), of_eval(tree[3]))
    if kind == "binary": return concatenation(tree) if tree[1] == "." else (tree[1], of_eval(tree[2]), of_eval(tree[3]))
    return call(tree[1], [of_eval(part) for part in tree[2]])


def comparison(operator, left, right):
    if operator == "=" and right[0] == "text": return test(bare(left), right)
    if operator == "!=" and right[0] == "text": return ("not", test(bare(left), right))
    return (operator, left, right)


def concatenation(tree):
    parts = []
    for part in (of_eval(tree[2]), of_eval(tree[3])):
        parts += part[1:] if part[0] == "." else [part]
    joined = []
    for part in parts:
        if joined and part[0] == joined[-1][0] == "text": joined[-1] = ("text", joined[-1][1] + part[1])
        else: joined.append(part)
    return joined[0] if len(joined) == 1 else (".", *joined)


def call(name, arguments):
    """a function; tests of texts are all alike"""
    if name == "urldecode" and arguments[0][0] == "text": return ("text", urllib.parse.unquote(arguments[0][1]))
    if name == "match" and arguments[1][0] == "text": return test(bare(arguments[0]), ("regex", arguments[1][1]))
    if name == "in" and all(argument[0] == "text" for argument in arguments[1:]):
        return test(bare(arguments[0]), *arguments[1:])
    return (name, *arguments)


def bare(node):
    """what is tested, without lower case and without the text for a missing value"""
    while node[0] in ("lower", "coalesce") and (len(node) == 2 or node[2] == ("text", "")): node = node[1]
    return node
