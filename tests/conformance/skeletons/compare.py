"""Whether the skeleton of a query with a hostile text is that of a query with a harmless one."""
import re

from skeletons.tree import UNSEARCHED, fold, in_json, is_comment_of, runs, searched, unescaped, words

# Titles of Sigma rules are cut off, but not before this length.
SHORTEST_CUT = 100


class Comparison:
    """One hostile text and one harmless text at the same place."""

    def __init__(self, hostile, harmless):
        self.reading = hostile["reading"]
        self.texts = [(hostile["text"], harmless["text"]), (hostile["written"], harmless["written"])]
        self.names = {}

    def difference(self, a, b):
        """where the first difference is, or nothing; a: hostile, b: harmless"""
        if isinstance(a, str) or isinstance(b, str) or a is None or b is None:
            return None if a == b else f"{a!r} instead of {b!r}"
        if a[0] != b[0]: return f"{shown(a)} instead of {shown(b)}"
        if a[0] == "text": return None if self.is_text(a[1], b[1]) else f"the text {a[1]!r} where {b[1]!r} stood"
        if a[0] == "title": return None if self.is_title(a[1], b[1]) else f"the title {a[1]!r} where {b[1]!r} stood"
        if a[0] == "comment": return None if self.is_comment(a[1], b[1]) else f"the comment {a[1]!r} where {b[1]!r} stood"
        if a[0] == "value": return None if self.is_value(a[1], b[1]) else f"the value {a[1]!r} where {b[1]!r} stood"
        if a[0] == "name": return self.name(a, b)
        if a[0] == "own": return self.own(a[1], b[1])
        if a[0] == "cut": return None if self.is_cut(a[1]) else self.own(a[1], b[1])
        if a[0] == "is": return self.difference(a[1], b[1]) or self.values(a[2], b[2])
        if len(a) != len(b): return f"{shown(a)} has {len(a) - 1} parts instead of {len(b) - 1}"
        return next(filter(None, (self.difference(x, y) for x, y in zip(a[1:], b[1:]))), None)

    def is_text(self, a, b):
        """whether a text stands for another, the hostile text in place of the harmless one"""
        found = False
        for hostile, harmless in self.texts:
            for change in (str, fold, str.lower):
                if not harmless or change(harmless) not in b: continue
                found = True
                if a == b.replace(change(harmless), change(hostile)): return True
        return a == b and not found

    def is_title(self, a, b):
        """the same for a title, which may be cut off"""
        hostile, harmless = self.texts[0]
        return self.is_text(a, b) or (len(a) >= SHORTEST_CUT and b.replace(harmless, hostile).startswith(a))

    def is_comment(self, a, b):
        """the same for a comment, which has blanks for what could end it"""
        hostile, harmless = self.texts[0]
        return is_comment_of(a, b.replace(harmless, hostile))

    def is_value(self, a, b):
        """the same for a value of Sigma, in which wildcards are escaped"""
        hostile, harmless = self.texts[0]
        return self.is_text(a, b) or (unescaped(a), unescaped(b)) == ([hostile], [harmless])

    # ---- names -----------------------------------------------------------------------------------
    def name(self, a, b):
        """names are the same, or the hostile one stands for the harmless one, or both are made of them"""
        hostile, harmless = self.texts[0]
        if a[2:] != b[2:] and "" not in a[2:] + b[2:]: return f"{a[1]!r} is a {a[2:]}, {b[1]!r} a {b[2:]}"
        if self.is_text(a[1], b[1]): return None
        if b[1] == plain(harmless) and a[1] == plain(hostile): return None
        if plain(harmless).lower() in plain(b[1]).lower() and b[1] != harmless: return self.own(a[1], b[1])
        return f"the name {a[1]!r} instead of {b[1]!r}"

    def own(self, a, b):
        """a name that the compiler makes: letters, digits and _, and always the same for the same"""
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", a): return f"the made-up name {a!r}"
        harmless, hostile = letters(self.texts[0][1]), (letters(self.texts[0][0]), letters(fold(self.texts[0][0])))
        if harmless and all(hostile) and harmless in letters(b):
            if not any(letters(b).replace(harmless, kept) in letters(a) for kept in hostile):
                return f"the made-up name {a!r} where {b!r} stood"
        if self.names.setdefault(("hostile", a), b) != b or self.names.setdefault(("harmless", b), a) != a:
            return f"{a!r} and {b!r} are mixed up with other names"
        return None

    def is_cut(self, a):
        """a made-up name is the beginning of a long hostile text"""
        return len(a) >= SHORTEST_CUT and letters(self.texts[0][0]).startswith(letters(a))

    # ---- values ----------------------------------------------------------------------------------
    def values(self, a, b):
        """values of a test: those that do not hold the text are the same, the others hold all of the hostile one"""
        own = [value for value in b if self.is_own(*value)]
        rest = list(a)
        for kind, value in (value for value in b if value not in own):
            same = next((other for other in rest if runs(*other) == runs(kind, value)), None)
            if same is None: return f"the value {value!r} is missing in {a}"
            rest.remove(same)
        if bool(rest) != bool(own): return f"the values {rest} where {own} stood"
        if not own: return None
        if self.reading == "pattern": return self.patterns(rest, own)
        wanted = self.expected(own)
        for kind, value in rest:
            if kind not in ("find", "word") and tuple(map(fold, runs(kind, value))) not in wanted:
                return f"the {kind} {value!r} where {own} stood"
        return self.pieces([v for k, v in rest if k == "find"], [v for k, v in rest if k == "word"], wanted)

    def originals(self):
        """the pieces of the hostile text, plain and as in JSON"""
        pieces = self.split(self.texts[0][0], self.texts[1][0])
        return pieces, [in_json(piece) for piece in pieces]

    def patterns(self, rest, own):
        """an author's own regular expression stays one, and keeps its words"""
        kinds = [kind for kind, _ in rest], [kind for kind, _ in own]
        if kinds[0] != kinds[1]: return f"the kinds {kinds[0]} instead of {kinds[1]}"
        plain_parts = re.sub(r"\\.|\[:\w+:\]|\(\?P?<\w+>", " ", self.texts[0][0], flags=re.S)
        lost = [word for word in re.findall("[A-Za-z]{4,}", plain_parts) if not any(word in value for _, value in rest)]
        return f"the words {lost} of the regular expression are lost" if lost else None

    def is_own(self, kind, value):
        """whether a value of the harmless query is made of the harmless text"""
        found, (_, harmless) = [fold(run) for run in runs(kind, value)], self.texts[0]
        if self.reading == "pattern": return kind == "regex"
        wanted = [fold(piece) for piece in self.split(harmless, self.texts[1][1])]
        fragments = {fold(fragment) for piece in wanted for fragment in UNSEARCHED.split(piece)}
        if kind == "find" and found and all(run in fragments for run in found): return True
        if kind == "word": return fold(value) in words(" ".join(wanted))
        if found in (wanted, [in_json(piece) for piece in wanted]): return True
        return any(piece in run for piece in wanted for run in found)

    def split(self, text, written):
        """the pieces that a text stands for"""
        pieces = unescaped(written) if self.reading in ("literal", "wild") else [text]
        return [piece for piece in pieces if piece]

    def expected(self, own):
        """what the values may hold: the hostile text, plain or as in JSON, with what stood around the harmless one"""
        hostile, harmless = (self.split(self.texts[0][side], self.texts[1][side]) for side in (0, 1))
        found = {tuple(map(fold, pieces)) for pieces in (hostile, [in_json(piece) for piece in hostile])}
        for kind, value in own:
            around = [fold(run) for run in runs(kind, value)]
            if len(hostile) == len(harmless) == 1 and any(fold(harmless[0]) in run for run in around):
                found.add(tuple(run.replace(fold(harmless[0]), fold(hostile[0])) for run in around))
        return found

    def pieces(self, found, keywords, wanted):
        """the search command gets all that it can take, in order"""
        text = "".join(run for value in found for run in runs("find", value))
        if found and fold(text) not in {searched("".join(pieces), dollar) for pieces in wanted for dollar in ("", "$")}:
            return f"the search for {found} instead of {self.texts[0][0]!r}"
        known = [[fold(word) for word in words(" ".join(pieces))] for pieces in self.originals()]
        if keywords and [fold(word) for word in keywords] not in known:
            return f"the keywords {keywords} of {self.texts[0][0]!r}"
        return None


def plain(text):
    """a name as part of another"""
    return re.sub("[^A-Za-z0-9_]", "_", text)


def letters(text):
    """what made-up names keep of a text: those that fold it first keep more (`İ` becomes `i`)"""
    return re.sub("[^A-Za-z0-9]", "", text).lower()


def shown(node):
    text = repr(node)
    return text if len(text) < 200 else text[:200] + ".."


def wrong_comments(case, comments):
    """whether the comments above a query are the header and nothing else"""
    if len(comments) != len(case["header"]): return f"{len(comments)} comments instead of {len(case['header'])}: {comments}"
    pairs = zip(comments, case["header"])
    return next((f"the comment {found!r} for {text!r}" for found, text in pairs if not is_comment_of(found, text)), None)


def verdict(case, skeleton, harmless):
    """what is wrong with a hostile query, or nothing. harmless: [(case, skeleton)]"""
    differences = []
    for other, tree in harmless:
        # an empty text leaves no place in which a lost text could be missed
        if case["text"] and not other["text"]: continue
        difference = Comparison(case, other).difference(skeleton, tree)
        if difference is None: return None
        differences.append(f"as {other['text']!r}: {difference}")
    return "\n  ".join(differences[:4]) or "there is no harmless query to compare it with"
