"""Little words that mean different things by what is around them: which "and", "or", "," it is.

A parser that sees one token ahead cannot know, at "and", whether a noun or a description comes.
So this is settled between lexer and parser, in a few passes over the tokens.

| token | becomes | where |
|---|---|---|
| `AND`, `OR` | `AND_BOTH`, `OR_EITHER` | it closes an open `BOTH`, `EITHER`, as brackets do |
| `AND`, `OR` | `AND_DESCRIBED`, `OR_DESCRIBED` | a description follows and no noun phrase |
| `OR` | `OR_ADJECTIVE` | between two adjectives |
| `OR` | `OR_ADJECTIVE`, `OR` | at the very end; by whether after an adjective |
| `COMMA` | `OR` | in a list of nouns or adjectives that ends in "or" |
| `COMMA` | `AND_DESCRIBED`, `OR_DESCRIBED` | in a list of descriptions, by its last conjunction |
| `COMMA` | nothing | before "and" and "or", and between adjectives: "a big, red cube" |
| `COMMA` | `SEPARATOR`, or nothing | anywhere else; by whether the domain has separators |
| `BOTH`, `EITHER` | nothing | without an "and" or "or" to close it |
| `IS_ANY`, `DO_ANY` | `IS`, `DO` | not at the beginning: "there is some cube" is one cube |
| `MADE_OF_SAME`, `OF_SAME` | `WITH_SAME` | after "is", where something else is asked |
| `SAME` | `ALIKE` | at the end of "is the color of ...", "is the number of ..." |
| `IN_PICTURE` | `VISIBLE`, or nothing | after "is", or anywhere else |

A domain takes part with the terminals that its lexicon has: without `BOTH`, nothing is paired.
"""

from collections.abc import Collection

from lark import Token

_NOUNS = frozenset({"NOUN", "THING", "PRONOUN", "IT"})
_BEFORE_NOUNS = frozenset({"ADJECTIVE", "ARTICLE", "OTHER", "BOTH", "EITHER"})
_OPENING = {"AND": "BOTH", "OR": "EITHER"}
_CLOSING = {"AND": "AND_BOTH", "OR": "OR_EITHER"}
_ANY = {"IS_ANY": "IS", "DO_ANY": "DO"}
_BETWEEN_SENTENCES = frozenset({"SEPARATOR", "COMMA", "END"})
_ENDS = frozenset({"END", "SEPARATOR"})
_SAME = frozenset({"SAME", "MADE_OF_SAME", "OF_SAME"})
_DESCRIBING = frozenset({"RELATION", "ATTRIBUTE", "WITH_SAME", *_SAME})
_TO_SETTLE = frozenset({"IN_PICTURE", *_ANY, *_SAME})


def prepare(tokens: list[Token], terminals: Collection[str]) -> list[Token]:
    """The tokens with every `AND`, `OR` and `COMMA` told apart.

    Args:
        terminals: those that the lexicon of the domain has.
    """
    kinds = [token.type for token in tokens]
    if not _TO_SETTLE.isdisjoint(kinds):
        _settle_any(kinds)
        _settle_same(kinds)
        _settle_picture(kinds)
        tokens = _without(tokens, kinds, {""})
        kinds = [kind for kind in kinds if kind]
    if not ("OR" in kinds or "AND" in kinds or "COMMA" in kinds or "BOTH" in kinds):
        return tokens if "EITHER" not in kinds else _without(tokens, kinds, {"EITHER"})
    _settle_commas(kinds, "SEPARATOR" if "SEPARATOR" in terminals else "")
    tokens = _without(tokens, kinds, {""})
    kinds = [kind for kind in kinds if kind]
    noun_follows = _noun_follows(kinds)
    _pair(kinds, noun_follows)
    for place, kind in enumerate(kinds):
        if kind in ("AND", "OR"):
            kinds[place] = _kind(kinds, place, noun_follows)
    return _without(tokens, kinds, {"UNPAIRED"})


def _without(tokens: list[Token], kinds: list[str], dropped: Collection[str]) -> list[Token]:
    for token, kind in zip(tokens, kinds, strict=True):
        token.type = kind
    return [token for token in tokens if token.type not in dropped]


def _settle_any(kinds: list[str]) -> None:
    """Only at the beginning of a question "is any" and "does any" ask for a set."""
    for place in range(1, len(kinds)):
        if kinds[place] in _ANY and kinds[place - 1] not in _BETWEEN_SENTENCES:
            kinds[place] = _ANY[kinds[place]]


def _settle_same(kinds: list[str]) -> None:
    """After "is", of several "... the same ..." right after a noun, one is asked.

    That is one without "as" ("are the cube and the ball of the same size"), or else the last plain
    "the same", or the first "made of the same", or the first. The others describe the noun.
    """
    starts = [place + 1 for place, kind in enumerate(kinds[:-1]) if kind == "SEPARATOR"]
    begin = starts[-1] if starts else 0
    if kinds[begin] not in ("IS", "IS_ANY"):
        return
    if kinds[begin + 1 : begin + 2] in (["ATTRIBUTE"], ["NUMBER_OF"]):
        last = max(place for place, kind in enumerate(kinds) if kind not in _ENDS)
        kinds[last] = "ALIKE" if kinds[last] == "SAME" else kinds[last]
        return
    bare = [
        place
        for place in range(begin + 1, len(kinds))
        if kinds[place] in _SAME and kinds[place - 1] in _NOUNS
    ]
    asked = (
        [place for place in bare if not _has_as(kinds, place)]
        or [place for place in bare if kinds[place] == "SAME"][-1:]
        or [place for place in bare if kinds[place] == "MADE_OF_SAME"][:1]
        or bare[:1]
    )
    for place in bare:
        if place not in asked and kinds[place] != "SAME":
            kinds[place] = "WITH_SAME"


def _has_as(kinds: list[str], place: int) -> bool:
    """Whether "as" comes after "the same" and its properties."""
    after = place + 1
    while after < len(kinds) and kinds[after] in ("ATTRIBUTE", "AND", "COMMA", "SAME"):
        after += 1
    return kinds[after : after + 1] == ["AS"]


def _settle_picture(kinds: list[str]) -> None:
    """Only after "is" the words "in the picture" say something."""
    for place, kind in enumerate(kinds):
        if kind == "IN_PICTURE":
            kinds[place] = "VISIBLE" if kinds[max(place - 1, 0)] == "IS" else ""


def _settle_commas(kinds: list[str], elsewhere: str) -> None:
    """What each comma is, in one pass from the end."""
    following = conjunction = ""
    ends_in_or = False
    for place in range(len(kinds) - 1, -1, -1):
        kind = kinds[place]
        if kind == "COMMA":
            if following in _OPENING or kinds[max(place - 1, 0)] == following == "ADJECTIVE":
                kinds[place] = "OR" if ends_in_or and following not in _OPENING else ""
            elif ends_in_or:
                kinds[place] = "OR"
            elif following in _DESCRIBING and conjunction:
                kinds[place] = f"{conjunction}_DESCRIBED"
            else:
                kinds[place] = elsewhere
        elif kind in _OPENING:
            conjunction, ends_in_or = kind, kind == "OR"
        elif kind not in _NOUNS and kind not in _BEFORE_NOUNS:
            ends_in_or = False
        following = kinds[place] or following


def _noun_follows(kinds: list[str]) -> list[bool]:
    """For each place, whether a noun with its adjectives begins right after it."""
    follows = [False] * (len(kinds) + 1)
    begins = False
    for place in range(len(kinds) - 1, -1, -1):
        kind = kinds[place]
        follows[place] = begins
        if kind in _NOUNS:
            begins = True
        elif kind in _BEFORE_NOUNS:
            pass
        elif kind == "OR" and kinds[place + 1 : place + 2] == ["ADJECTIVE"]:
            begins = begins and kinds[max(place - 1, 0)] == "ADJECTIVE"
        else:
            begins = False
    return follows


def _pair(kinds: list[str], noun_follows: list[bool]) -> None:
    """Give each `BOTH` its "and" and each `EITHER` its "or"; drop those that have none.

    A conjunction closes the innermost open one, except that inside "both ... that is ..." an "and"
    belongs to "that is" where another one is left for "both" (one before a noun may be that of
    "as many cubes and balls", and is not counted on).
    """
    stack: list[tuple[int, bool]] = []
    spare = {
        "AND": sum(k == "AND" and not noun_follows[p] for p, k in enumerate(kinds)),
        "OR": kinds.count("OR"),
    }
    for kind, opening in _OPENING.items():
        spare[kind] -= kinds.count(opening)
    for place, kind in enumerate(kinds):
        if kind in _OPENING.values():
            stack.append((place, False))
        elif kind in ("THAT", "WHICH") and stack:
            stack[-1] = (stack[-1][0], True)
        elif kind in _OPENING and stack and kinds[stack[-1][0]] == _OPENING[kind]:
            opened, described = stack[-1]
            if kind == "OR" and noun_follows[place] and _between_adjectives(kinds, place):
                kinds[opened] = "UNPAIRED"
                stack.pop()
            elif described and spare[kind] > 0 and not noun_follows[place]:
                spare[kind] -= 1
                stack[-1] = (opened, False)
            else:
                kinds[place] = _CLOSING[kind]
                stack.pop()
    for place, _ in stack:
        kinds[place] = "UNPAIRED"


def _kind(kinds: list[str], place: int, noun_follows: list[bool]) -> str:
    kind = kinds[place]
    before, after = kinds[max(place - 1, 0)], kinds[place + 1 : place + 2]
    if after == ["NUMBER_OF"] or (after == ["ATTRIBUTE"] and before != "ATTRIBUTE"):
        return kind
    if kind == "OR" and _between_adjectives(kinds, place):
        return "OR_ADJECTIVE"
    if kind == "OR" and set(kinds[place + 1 : place + 2]) <= _ENDS:
        return "OR_ADJECTIVE" if "ADJECTIVE" in kinds[max(place - 1, 0) : place] else "OR"
    return kind if noun_follows[place] else f"{kind}_DESCRIBED"


def _between_adjectives(kinds: list[str], place: int) -> bool:
    around = kinds[max(place - 1, 0)], kinds[min(place + 1, len(kinds) - 1)]
    return around == ("ADJECTIVE", "ADJECTIVE")
