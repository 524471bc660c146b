"""What each word of a prompt can mean in the world: phrases of every family, all words that it knows, slips. Pure Python."""

import difflib
from dataclasses import dataclass
from functools import cache

from vstar_sdk.miniworld.grammar import Arc, Key, families, vocabulary
from vstar_sdk.miniworld.lexicon import CITY_NAMES, COUNTS, IRREGULAR, NO_SLIPS, SHADES, SMALL
from vstar_sdk.miniworld.words import Phrases, Text

_VOWELS = "aeiou"
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


@dataclass(frozen=True)
class Language:
    """The phrases of one family: its nouns, the stages and changes, and the verbs that mean it alone."""

    nouns: Phrases[str]
    events: Phrases[Key | Arc]
    verbs: Phrases[str]
    words: frozenset[str]
    """Every word of them."""

    telling: frozenset[str]
    """Those that are a noun, a stage or a change by themselves."""


@cache
def language(name: str) -> Language:
    """The phrases of a family."""
    family = families()[name]
    nouns = [(noun, noun) for noun in (*family.nouns, *(f"{noun}s" for noun in family.nouns if not noun.endswith("s")))]
    keys = [(phrase, key) for key in family.keys for phrase in (key.name, *key.words)]
    arcs = [(phrase, arc) for arc in family.arcs for phrase in arc.words]
    arcs += [(form, arc) for arc in family.arcs for verb in arc.verbs for form in forms(verb)]
    taken = {phrase for phrase, _ in [*keys, *nouns]} | SMALL
    arcs = [(phrase, arc) for phrase, arc in arcs if phrase not in taken]
    verbs = [(form, verb) for verb in family.verbs for form in forms(verb)]
    phrases = {phrase for phrase, _ in [*nouns, *keys, *arcs, *verbs]}
    words = {word for phrase in phrases for word in phrase.split()}
    return Language(Phrases(nouns), Phrases([*keys, *arcs]), Phrases(verbs), frozenset(words), frozenset(phrases & words))


def forms(verb: str) -> tuple[str, ...]:
    """All forms of a verb; of "go up" the first word is bent, of "sun set*" the one with the star."""
    words = verb.split()
    at = next((i for i, word in enumerate(words) if word.endswith("*")), 0)
    base = words[at].rstrip("*")
    stem = base.removesuffix("e")
    third = f"{base}es" if base.endswith(("sh", "ch", "ss")) else f"{base}s"
    bent = (base, *IRREGULAR.get(base, (third, f"{stem}ing", f"{stem}ed")))
    return tuple(" ".join([*words[:at], form, *words[at + 1 :]]) for form in bent)


@cache
def known_words() -> frozenset[str]:
    """Every word that the world knows: of its captions, nouns, stages, changes, colours and camera; no small words."""
    words = (
        {word.strip("'") for word in vocabulary()} | {"camera", "pan", "pans", "panning", "left", "right", "still"} | set(SHADES)
    )
    for family in families().values():
        words |= language(family.name).words | set(family.colours)
    return frozenset(words - SMALL)


def is_known(word: str) -> bool:
    """Whether the world knows a word."""
    return word in known_words()


def whole(word: str) -> bool:
    """Whether a word with hyphens is one word of the world, or none of its parts is."""
    return is_known(word) or not any(is_known(part) or part in SMALL for part in word.split("-"))


@cache
def _telling() -> tuple[str, ...]:
    """The words that a slip can be one of: nouns, stages, changes and colours."""
    words = set[str]()
    for family in families().values():
        words |= language(family.name).telling | set(family.colours)
    return tuple(
        sorted(word for word in words - SMALL - {name + end for name in CITY_NAMES for end in ("", "s")} if len(word) > 3)
    )


def meant(word: str) -> str | None:
    """The word of the world that an unknown one is a slip of, or None.

    A slip is two letters swapped, a letter lost or too many, or a wrong one: in words of five letters only a wrong vowel or the
    key next to the right one. The first letter is right, but where it was swapped.
    """
    if len(word) < 4 or not word.isalpha() or word in NO_SLIPS or word in COUNTS:
        return None
    found = [right for right in _telling() if abs(len(right) - len(word)) < 2 and _slip(word, right)]
    if not found and len(word) > 7:
        found = [right for right in difflib.get_close_matches(word, _telling(), 1, 0.87) if right[0] == word[0]]
    return found[0] if found else None


def _slip(word: str, right: str) -> bool:
    if len(word) == len(right):
        odd = [i for i, (a, b) in enumerate(zip(word, right, strict=True)) if a != b]
        if len(odd) == 2 and odd[1] == odd[0] + 1:
            return word[odd[0]] == right[odd[1]] and word[odd[1]] == right[odd[0]]
        wrong = len(odd) == 1 and odd[0] > 0 and len(word) > 4
        return wrong and (len(word) > 5 or _neighbours(word[odd[0]], right[odd[0]]))
    longer, shorter = (word, right) if len(word) > len(right) else (right, word)
    if len(shorter) < 4 or longer[0] != shorter[0] or _grown(word, right):
        return False
    return any(longer[:i] + longer[i + 1 :] == shorter for i in range(1, len(longer)))


def _grown(word: str, right: str) -> bool:
    """Whether a word is another one with an ending of its own ("sandy"), or without its -s."""
    return (word[:-1] == right and word[-1] in "srdny" and word[-2:] != "ss") or f"{word}s" == right


def _neighbours(a: str, b: str) -> bool:
    if a in _VOWELS and b in _VOWELS:
        return True
    places = {letter: (row, at) for row, letters in enumerate(_KEYBOARD) for at, letter in enumerate(letters)}
    if a not in places or b not in places:
        return False
    (row, at), (other_row, other_at) = places[a], places[b]
    return abs(row - other_row) < 2 and abs(at - other_at) < 2


def slips(text: Text) -> dict[str, str]:
    """The unknown words of a text that are slips, as they were written, with the right ones."""
    unknown = {word.text: word.written for word in text.words if word.text not in SMALL and not is_known(word.text)}
    return {written: right for word, written in unknown.items() if (right := meant(word))}
