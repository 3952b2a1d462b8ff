"""Sigma -> skeleton: the YAML documents that PyYAML reads, compared with those of a second reader."""
import datetime
import re

import yaml

from skeletons.tree import Unreadable

LOADER = yaml.CSafeLoader
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SLUG = re.compile(r"[a-z0-9_]+")


def read(case):
    """-> (comments, skeleton)"""
    text = case["query"]
    try:
        documents = list(yaml.load_all(text, LOADER))
        events = list(yaml.parse(text, LOADER))
        comments = comments_of(text)
    except yaml.YAMLError as error:
        raise Unreadable(" ".join(str(error).split())) from None
    for event in events:
        if getattr(event, "anchor", None): raise Unreadable(f"an anchor: {event}")
        if getattr(event, "tag", None): raise Unreadable(f"a tag: {event}")
    second = case.get("read_back")
    if isinstance(second, str): raise Unreadable(f"the second reader: {second}")
    if second is not None and [as_json(document) for document in documents] != second:
        raise Unreadable("two readers read other values")
    trees = [build(document, ()) for document in documents]
    if len(documents) > 1: trees = [base_rule(document, tree) for document, tree in zip(documents, trees)]
    inner = (("comment", comment) for comment in comments[len(case["header"]):])
    return comments, ("documents", ("comments", *inner), *trees)


def base_rule(document, tree):
    """a rule that a correlation counts: its title is made of the correlation's and of a measure's name"""
    found = re.fullmatch(r"(.*) - ([A-Za-z0-9 ]*)( \(Base Rule\))?", str(document.get("title")), re.S)
    if "correlation" in document or not found: return tree
    title = ("entry", ("text", "title"), ("base", ("title", found[1]), ("cut", found[2].replace(" ", "_") or "_")))
    return (tree[0], *(title if part[1] == ("text", "title") else part for part in tree[1:]))


def as_json(value):
    if isinstance(value, dict): return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list): return [as_json(inner) for inner in value]
    return value.isoformat() if isinstance(value, (datetime.date, datetime.datetime)) else value


def comments_of(text):
    """what stands between the tokens of a file"""
    comments, end = [], 0
    for token in yaml.scan(text, LOADER):
        comments += between(text[end:token.start_mark.index])
        end = max(end, token.end_mark.index)
    return comments + between(text[end:])


def between(text):
    lines = [line.strip() for line in re.split("[\r\n\x85\u2028\u2029]", text)]
    wrong = [line for line in lines if line and not line.startswith("#")]
    if wrong: raise Unreadable(f"neither token nor comment: {wrong}")
    return [line[1:].strip() for line in lines if line]


def build(value, path):
    if isinstance(value, dict):
        own = path == ("detection",)
        return ("map", *(("entry", key_of(key, own), build(inner, (*path, str(key)))) for key, inner in value.items()))
    if isinstance(value, list): return ("list", *(build(inner, (*path, "[]")) for inner in value))
    if isinstance(value, str): return text(value, path)
    if isinstance(value, datetime.date): return ("date", ("text", value.isoformat()))
    return (type(value).__name__, str(value))


def key_of(key, own):
    if not isinstance(key, str): return (type(key).__name__, str(key))
    return ("own", key) if own else ("text", key)


def text(value, path):
    """a text by its place: names and ids may be made up, a condition consists of words"""
    if path == ("detection", "condition"):
        words = re.findall(r"[()]|[^\s()]+", value)
        return ("condition", *(("own", word) if SLUG.fullmatch(word.lower()) else word for word in words))
    if UUID.fullmatch(value) and path != ("related", "[]", "id"): return ("own", value)
    if path == ("name",) and SLUG.fullmatch(value): return ("own", value)
    if path == ("title",): return ("title", value)
    return ("value" if path[:1] == ("detection",) else "text", value)
