"""Skeletons: what a query does, as a tree of tuples, with slots for what an author's texts may change.

    ("text", value)             a text literal, as its language reads it
    ("name", value)             a name of a field, column or table
    ("value", value)            a value of a Sigma rule, with its escapes
    ("title", value)            a title, which may be cut off
    ("comment", value)          a comment inside of a document
    ("own", value)              a name that the compiler made up
    ("cut", value)              the same, which may be cut off
    ("is", subject, values)     one of several tests of one subject, whatever the operators: `=`, `IN`, `LIKE`, a regular
                                expression. values: (kind, text) with kind text, like, find (`*` is a wildcard), word or regex
    (tag, *parts)               anything else; tags and plain strings must be equal

Which operator tests a text, and how many of them stand beside each other, depends on its characters (`%`, line ends,
letters beyond ASCII), so these are one node. What else stands in a query does not."""
import json
import re
import sys

# a skeleton is as deep as the query
sys.setrecursionlimit(20_000)


class Unreadable(Exception):
    """The query cannot be read, or holds something that no query may hold."""


# ---- building ------------------------------------------------------------------------------------
def test(subject, *values):
    """a test of a subject for one of some values"""
    return ("is", subject, tuple(values))


def joined(tag, parts, merges):
    """("or"|"and", ..) with equal tags flattened; tests of one subject become one where `merges` says so"""
    flat = []
    for part in parts:
        flat += part[1:] if part[0] == tag else [part]
    kept = []
    for part in flat:
        same = (i for i, other in enumerate(kept) if merges(part) and merges(other) and subject(other) == subject(part))
        place = next(same, None)
        if place is None:
            kept.append(part)
        else:
            kept[place] = with_values(kept[place], values(kept[place]) + values(part))
    return kept[0] if len(kept) == 1 else (tag, *kept)


def is_test(node):
    return node[0] == "is"


def is_negated_test(node):
    return node[0] == "not" and node[1][0] == "is"


def subject(node):
    return node[1] if is_test(node) else node[1][1]


def values(node):
    return node[2] if is_test(node) else node[1][2]


def with_values(node, new):
    return ("is", node[1], new) if is_test(node) else ("not", ("is", node[1][1], new))


def either(parts):
    """a disjunction"""
    return joined("or", parts, is_test)


def both(parts):
    """a conjunction"""
    return joined("and", parts, is_negated_test)


def negated(part):
    """a negation; two of them cancel out"""
    return part[1] if part[0] == "not" else ("not", part)


# ---- texts ---------------------------------------------------------------------------------------
def fold(text):
    """simple lower case, character by character"""
    return "".join(c.lower()[:1] or c for c in text)


def unescaped(written):
    """a Sigma value -> its pieces between wildcards"""
    parts, i = [""], 0
    while i < len(written):
        if written[i] == "\\" and written[i + 1:i + 2] in ("*", "?", "\\"):
            parts[-1] += written[i + 1]
            i += 1
        elif written[i] in "*?":
            parts.append("")
        else:
            parts[-1] += written[i]
        i += 1
    return parts


ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "f": "\f", "v": "\v", "0": "\0", "e": "\x1b"}
CODE = re.compile(r"\\x\{([0-9a-fA-F]+)\}|\\x([0-9a-fA-F]{2})|\\u\{([0-9a-fA-F]+)\}|\\u([0-9a-fA-F]{4})")


def regex_runs(pattern):
    """the texts that a regular expression holds between its operators; of alternatives in a group the first one"""
    items = regex_items(pattern, 0, 0)[0]
    runs, current = [], ""
    for item in items + [None]:
        if item is None:
            runs += [current] if current else []
            current = ""
        else:
            current += item
    return runs


def regex_items(pattern, i, depth):
    """-> (characters, None for every operator; index of the closing bracket)"""
    items, first = [], None
    while i < len(pattern):
        c, code = pattern[i], CODE.match(pattern, i)
        if code:
            items.append(chr(int(next(filter(None, code.groups())), 16)))
            i = code.end()
            continue
        if c == "\\":
            following = pattern[i + 1:i + 2]
            items.append(ESCAPES.get(following, None if following.isalnum() else following))
            i += 2
            continue
        if c == ")" and depth:
            break
        if c == "(":
            start = re.compile(r"\((\?(:|[a-zA-Z-]*:|=|!|<=|<!|>|P?<\w+>|[a-zA-Z-]*(?=\))))?").match(pattern, i)
            inner, end = regex_items(pattern, start.end(), depth + 1)
            plain = start.group() == "(?:" and any(item is not None for item in inner)
            items += inner if plain else [None]
            i = end + 1
            continue
        if c == "|" and depth and first is None:
            first, items = items, []
        elif c in "?*+{" and items:
            items[-1:] = [] if c == "?" else [None]
            i = pattern.find("}", i) if c == "{" else i
            i += pattern[i + 1:i + 2] == "?"
        elif c in ".^$|*+?":
            items.append(None)
        elif c == "[":
            end = re.compile(r"\[\^?\]?(\\.|[^\]\\])*\]", re.S).match(pattern, i)
            items.append(None)
            i = end.end() - 1 if end else i
        else:
            items.append(c)
        i += 1
    return (items if first is None else first), i


def runs(kind, value):
    """the pieces of text that a test looks for"""
    if kind == "regex": return regex_runs(value)
    pieces = re.split("[%_]", value) if kind == "like" else value.split("*") if kind == "find" else [value]
    return [piece for piece in pieces if piece]


def in_json(text):
    """a text as it stands in a JSON text"""
    return json.dumps(text, ensure_ascii=False)[1:-1]


# What SPL's search command cannot be given as it is.
UNSEARCHED = re.compile("[*`$\\x00-\\x1f\\x7f-\\x9f\\u00ad\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]")
HIDDEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f`\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ufffe\\uffff]")


def searched(text, dollar="$"):
    """what is left of a text in the search command; a `$` alone may stay"""
    return UNSEARCHED.sub(lambda found: dollar if found.group() == "$" else "", text)


def words(text):
    """the words of a text that a keyword of the search command can be"""
    return [word for word in re.findall("[A-Za-z0-9]+", text) if len(word) > 2]


def is_comment_of(comment, text):
    """whether a comment is this text, with blanks for what could end it"""
    clean = HIDDEN.sub(lambda found: "'" if found.group() == "`" else " ", text)
    return comment.strip() == clean.strip()
