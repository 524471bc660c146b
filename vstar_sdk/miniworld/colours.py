"""Finds the colours that a prompt gives to its subject, among those of other things. Pure Python."""

from vstar_sdk.miniworld.grammar import Arc, Family
from vstar_sdk.miniworld.lexicon import COLOURS, CONNECTIVES, DETERMINERS, SHADES, SMALL, THINGS_APART
from vstar_sdk.miniworld.vocabulary import language
from vstar_sdk.miniworld.words import Text

_BETWEEN = DETERMINERS | {"one", "and", "or", "then", "half", "deep", "dark", "pale", "bright", "dim"}
"""May stand between a colour and its noun, or another colour."""


def own_colours(family: Family, text: Text) -> dict[str, tuple[int, str]]:
    """The subject's colours by name, in order, each with its first word's place and name.

    A colour is the subject's before its noun ("a red and a blue balloon"), or standing alone behind it ("a flower that turns
    from red to yellow"). Families without colours have none.
    """
    if not family.colours:
        return {}
    nouns = {at.start for at, _ in language(family.name).nouns.find(text)}
    inside = {i for at, _ in language(family.name).nouns.find(text) for i in at}
    verbs = {at.start for at, event in language(family.name).events.find(text) if isinstance(event, Arc)}
    found: dict[str, tuple[int, str]] = {}
    for i, word in enumerate(text.words):
        name = SHADES.get(word.text, word.text)
        if (name in COLOURS or name in family.colours) and i not in verbs and _own(text, i, nouns, inside, verbs):
            found.setdefault(name, (i, name))
    return found


def _is_colour(word: str) -> bool:
    return word in COLOURS or word in SHADES


def _own(text: Text, at: int, nouns: set[int], inside: set[int], verbs: set[int]) -> bool:
    after = at + 1
    while text[after] and (text[after] in _BETWEEN or _is_colour(text[after])):
        after += 1
    if after in nouns or (
        after + 1 in nouns and text.together(after, after + 1) and text[after] not in CONNECTIVES | THINGS_APART
    ):
        return True
    if text.together(at, after) and text[after] not in CONNECTIVES and after not in verbs:
        return False
    before = at - 1
    while text[before] and (text[before] in _BETWEEN or _is_colour(text[before]) or _passed(text, before, verbs)):
        before -= 1
    return before in inside or not text[before]


def _passed(text: Text, at: int, verbs: set[int]) -> bool:
    return at in verbs or (text[at] in SMALL and text[at] not in THINGS_APART)
