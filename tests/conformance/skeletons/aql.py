"""AQL -> skeleton: the kit's lexer and clause check, sqlglot's tree."""
from lang import aql as kit
from sqlglot import exp

from skeletons.tree import Unreadable, both, either, negated, test

def read(case):
    """-> (comments, skeleton)"""
    try:
        translator = kit.Translator(case["query"], 0)
        tree = kit.Tree(translator.sql(), 0)
    except kit.AqlError as error:
        raise Unreadable(str(error)) from None
    texts = sorted(value[1:-1].replace("''", "'") for kind, value in translator.tokens if kind == "string")
    skeleton = build(tree.root)
    if sorted(literals(tree.root)) != texts: raise Unreadable(f"lexer and parser read other texts: {texts}")
    return [], skeleton


def literals(root):
    """every text of a tree; names in single quotes are texts for the lexer"""
    for node in root.walk():
        if isinstance(node, exp.Literal) and node.is_string: yield node.this
        if isinstance(node, exp.Alias) and node.args["alias"].quoted: yield node.alias


def is_text(node):
    return isinstance(node, exp.Literal) and node.is_string


def build(node):
    """the skeleton of a node of sqlglot's tree"""
    if not isinstance(node, exp.Expression): return str(node)
    if isinstance(node, exp.Paren): return build(node.this)
    if isinstance(node, exp.Literal): return ("text", node.this) if node.is_string else ("number", node.this)
    if isinstance(node, exp.Identifier): return ("name", node.this)
    if isinstance(node, exp.Column): return ("name", node.name)
    if isinstance(node, exp.Or): return either([build(node.left), build(node.right)])
    if isinstance(node, exp.And): return both([build(node.left), build(node.right)])
    if isinstance(node, exp.Not): return negated(build(node.this))
    if isinstance(node, exp.EQ) and is_text(node.expression): return test(subject(node.this), ("text", node.expression.this))
    if isinstance(node, exp.NEQ) and is_text(node.expression):
        return negated(test(subject(node.this), ("text", node.expression.this)))
    if isinstance(node, exp.In) and all(map(is_text, node.expressions)):
        return test(subject(node.this), *(("text", option.this) for option in node.expressions))
    if isinstance(node, (exp.Like, exp.ILike)): return test(subject(node.this), ("like", node.expression.this))
    if isinstance(node, exp.Anonymous) and node.name.lower() == "aql_matches":
        return test(subject(node.expressions[0].this), ("regex", node.expressions[1].this))
    return (type(node).__name__, *parts(node))


def subject(node):
    """what is tested, without the lower case that a text may need"""
    while isinstance(node, exp.Paren) or is_lower(node):
        node = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    return build(node)


def is_lower(node):
    return isinstance(node, exp.Lower) or (isinstance(node, exp.Anonymous) and node.name.lower() == "aql_lower")


def parts(node):
    """what a node holds, by key"""
    for key, value in node.args.items():
        if value is None or value is False or value == []: continue
        yield (key, *(build(item) for item in (value if isinstance(value, list) else [value])))
