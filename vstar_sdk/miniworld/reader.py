"""Reads a free prompt about the embedded world: which scene, from where to where, its colour and camera. Pure Python."""

import difflib
import re
from dataclasses import dataclass
from itertools import pairwise

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.grammar import Arc, Family, Key, families

_SMALL_WORDS = """
    a an the of in on over at by with and then its it is are to into from through until till while as under above across
    during becomes become becoming turns turn turning fades fade fading goes go going changes changing change comes
    slowly gradually late early first whole bright big small beautiful passes passing time lapse timelapse video
    travels travel drives drive rides ride rolls trip journey flies fly floats sky
    scene view shot there this that one some full half side quiet after before very between toward towards down up out
"""
_FILLERS = frozenset(_SMALL_WORDS.split())
_CHANGE = re.compile(r"\b(to|into|until|till|becomes?|becoming|turns?|turning|fades?|fading)\b")
_ARRIVES = re.compile(r" (?:comes?|falls|arrives)\b(?! to an end)")
"""Behind a stage: it is where the story goes to. "Night comes to the city"."""

_CAMERA = re.compile(
    r"\b(?:(?:the )?camera (?:slowly )?(?:pans?|moves?|panning|moving|travels?|slides?)|pans|panning|pan)"
    r"(?: slowly)?(?: to)?(?: the)? (left|right)\b"
)
_UNCHANGING = re.compile(r"\b(?:that |which |and )?(?:(?:does not|doesn't|never|without) chang\w+|stays the same)\b")
_NEGATION = re.compile(r"\b(not|no|never|without|nothing but|cannot|\w+n't)\b")
_STILL = re.compile(r"\b(?:(?:static|still|fixed) camera|the camera (?:is still|stands still))\b")
_COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown", "grey", "gold")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a prompt says.

    Attributes:
        family: name of the family.
        start: stage at the beginning, in [0, 1].
        end: stage at the end; in [0, 1], but in a cyclic family it is never less than ``start`` and may pass 1, up to 2.
        colour: a colour word of the family, or "".
        camera: "still", "left" or "right".
        unknown: words that played no part, in the order of the prompt.
    """

    family: str
    start: float
    end: float
    colour: str
    camera: str
    unknown: tuple[str, ...]


def known() -> str:
    """All that the world knows, a line for each family."""
    lines: list[str] = []
    for family in families().values():
        colours = f"; {', '.join(family.colours)}" if family.colours else ""
        lines.append(f"  {family.name}: {', '.join(key.name for key in family.keys)}{colours}")
    return "\n".join(["The embedded world knows these scenes, stages and colours:", *lines])


def read(prompt: str) -> Reading:
    """Read a prompt.

    Stages come from the words of the prompt ("from winter to autumn", "sunset ... turning into night"), else from a
    phrase for a change ("wakes up"), else the family does its usual change. A prompt that names one stage and no change
    ("a beach at night") stands still at it. Where a prompt fits two families, the one whose stages it names wins,
    then the one named first.

    Raises:
        SpecError: no family, a stage or a colour that the family does not have, a negation, a story there and back, an empty
            prompt.
    """
    text = " ".join(re.findall(r"[a-z'-]+", prompt.lower()))
    if not text:
        raise SpecError("the prompt has no words", hint=known())
    camera = "still"
    if found := _CAMERA.search(text):
        camera = found.group(1)
        text = _CAMERA.sub(" ", text)
    text = _UNCHANGING.sub(" ", _STILL.sub(" ", text))
    if found := _NEGATION.search(text):
        raise SpecError(f"in {prompt.strip()!r}, {found.group()!r} cannot be read", hint="say what is to be seen instead")
    family = _family(text, prompt)
    colour, text = _colour(family, text)
    start, end, used = _stages(family, text, prompt)
    if camera != "still" and not family.pans:
        raise SpecError(
            f"the camera cannot pan over a {family.name}",
            hint="Families that pan: " + ", ".join(f.name for f in families().values() if f.pans) + ".",
        )
    spoken = used | {word for noun in family.nouns if _has(text, noun) >= 0 for word in noun.split()} | _FILLERS
    unknown = tuple(word for word in text.split() if word not in spoken)
    return Reading(family.name, start, end, colour, camera, unknown)


def _has(text: str, phrase: str) -> int:
    """Where a phrase stands in the text as whole words, or -1."""
    found = re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text)
    return found.start() if found else -1


def _names(key: Key) -> tuple[str, ...]:
    return (key.name, *key.words)


def _family(text: str, prompt: str) -> Family:
    scores: list[tuple[bool, int, int, Family]] = []
    for family in families().values():
        places = [at for noun in family.nouns if (at := _has(text, noun)) >= 0]
        stages = sum(any(_has(text, word) >= 0 for word in _names(key)) for key in family.keys)
        if places or stages >= 2 or (stages and _unique(family, text)):
            scores.append((not places, -stages, min(places, default=0), family))
    if not scores:
        why = _shared(text) or _near(text, _all_words())
        raise SpecError(f"cannot tell what {prompt.strip()!r} should show{why}", hint=known())
    scores.sort(key=lambda score: score[:3])
    return scores[0][3]


def _unique(family: Family, text: str) -> bool:
    others = {word for f in families().values() if f is not family for key in f.keys for word in _names(key)}
    return any(_has(text, word) >= 0 for key in family.keys for word in _names(key) if word not in others)


def _all_words() -> list[str]:
    words = [word for family in families().values() for word in family.nouns]
    words += [word for family in families().values() for key in family.keys for word in _names(key)]
    return words


def _shared(text: str) -> str:
    """Why a text names no family, when its words are stages of several."""
    for word in text.split():
        having = [f.name for f in families().values() if any(word in _names(key) for key in f.keys)]
        if having:
            return f": {word!r} is a stage of {', '.join(having[:-1])} and {having[-1]}. Name one of them" if having[1:] else ""
    return ""


def _near(text: str, words: list[str]) -> str:
    for word in text.split():
        if word not in _FILLERS and (close := difflib.get_close_matches(word, words, 1, 0.75)):
            return f": {word!r} is unknown. Did you mean {close[0]!r}?"
    return ""


def _colour(family: Family, text: str) -> tuple[str, str]:
    """The subject's colour, and the text without it: before its noun, else the first before no other thing."""
    if not family.colours:
        return "", text
    words = text.split()
    nouns = {noun.split()[0] for noun in family.nouns}
    said = [i for i, word in enumerate(words) if word in _COLOURS or word in family.colours]
    own = [i for i in said if not nouns.isdisjoint(words[i + 1 : i + 3])]
    verbs = {phrase.split()[0] for arc in family.arcs for phrase in arc.words} | _FILLERS
    own = own or [i for i in said if words[i] in family.colours and not set(words[i + 1 : i + 2]) - verbs]
    if not own:
        return "", text
    word = words[own[0]]
    if word not in family.colours:
        raise SpecError(f"the {family.name} cannot be {word}", hint=f"Its colours: {', '.join(family.colours)}.")
    return word, " ".join(words[: own[0]] + words[own[0] + 1 :])


def _mentions(family: Family, text: str) -> list[tuple[int, Key, str]]:
    """The keys that a text names, in its order, longer phrases first."""
    found: list[tuple[int, Key, str]] = []
    phrases = [(word, key) for key in family.keys for word in _names(key)]
    for word, key in sorted(phrases, key=lambda pair: -len(pair[0])):
        while (at := _has(text, word)) >= 0:
            found.append((at, key, word))
            text = text[:at] + "_" * len(word) + text[at + len(word) :]
    return sorted(found, key=lambda mention: mention[0])


def _stages(family: Family, text: str, prompt: str) -> tuple[float, float, set[str]]:
    mentions = _mentions(family, text)
    used = {part for _, _, word in mentions for part in word.split()}
    ranged = re.search(r"\bfrom (.+?) (?:to|into|until|till|through|over) (.+)", text)
    path = _each_once([key for _, key, _ in mentions])
    if ranged:
        first, last = _mentions(family, ranged.group(1)), _mentions(family, ranged.group(2))
        for side, there in ((ranged.group(1), first), (ranged.group(2), last)):
            if not there:
                names = [word for key in family.keys for word in _names(key)]
                raise SpecError(
                    f"in {prompt.strip()!r}, {side!r} is no stage of a {family.name}{_near(side, names)}",
                    hint=f"A {family.name} has the stages {', '.join(key.name for key in family.keys)}.",
                )
        path = [first[0][1], *_each_once([key for _, key, _ in last])]
        used |= {part for _, phrase in _arcs(family, text, mentions) for part in phrase.split()}
    elif len(path) < 2 and (arcs := _arcs(family, text, mentions)):
        used |= {part for _, phrase in arcs for part in phrase.split()}
        path = _told_by(family, arcs)
    elif len(path) == 1 and (change := _CHANGE.search(text)):
        usual, (at, _, word) = family.arcs[0], mentions[0]
        if change.start() > at and not _ARRIVES.match(text[at + len(word) :]):
            other = usual.end if path[0].name != usual.end else usual.start
            path = [path[0], family.key(other)]
        else:
            other = usual.start if path[0].name != usual.start else usual.end
            path = [family.key(other), path[0]]
    elif not path:
        path = [family.key(family.arcs[0].start), family.key(family.arcs[0].end)]
    if not family.cyclic and _turns([key.at for key in path]):
        raise SpecError(
            f"{prompt.strip()!r} goes there and back, and the writer tells one way only",
            hint="write the states out: synopsis: {use: states, states: [...]}",
        )
    return (*_unwrap(family, path, bool(ranged)), used)


def _each_once(keys: list[Key]) -> list[Key]:
    """Keys without those that only repeat the one before."""
    return [key for i, key in enumerate(keys) if i == 0 or key is not keys[i - 1]]


def _turns(stages: list[float]) -> bool:
    steps = [later - earlier for earlier, later in pairwise(stages)]
    return any(step > 0 for step in steps) and any(step < 0 for step in steps)


def _arcs(family: Family, text: str, mentions: list[tuple[int, Key, str]]) -> list[tuple[Arc, str]]:
    """The changes that a text names, in its order, with their phrases; of phrases that overlap, the longest."""
    if any(text[:at].endswith("it is ") for at, _, _ in mentions):  # "the sun comes up over the beach, it is dawn"
        return []
    for at, _, word in mentions:
        if " " in word:  # "erupts" within "erupts red lava" tells a stage, no change
            text = text[:at] + "_" * len(word) + text[at + len(word) :]
    found: list[tuple[int, Arc, str]] = []
    phrases = [(phrase, arc) for arc in family.arcs for phrase in arc.words]
    for phrase, arc in sorted(phrases, key=lambda pair: -len(pair[0])):
        while (at := _has(text, phrase)) >= 0:
            found.append((at, arc, phrase))
            text = text[:at] + "_" * len(phrase) + text[at + len(phrase) :]
    return [(arc, phrase) for _, arc, phrase in sorted(found, key=lambda hit: hit[0])]


def _told_by(family: Family, told: list[tuple[Arc, str]]) -> list[Key]:
    """The way that changes tell one after the other; of those that begin alike, the longest phrase says how far."""
    longest = {arc.start: max((len(phrase) for other, phrase in told if other.start == arc.start)) for arc, _ in told}
    arcs = [arc for arc, phrase in told if len(phrase) == longest[arc.start]]
    path = [family.key(arcs[0].start), family.key(arcs[0].end)]
    for arc in arcs[1:]:
        start, end = family.key(arc.start), family.key(arc.end)
        ahead = (end.at - start.at) * (path[-1].at - path[0].at) > 0
        if family.cyclic:
            if start is path[-1]:
                path.append(end)
        elif not ahead or abs(end.at - path[0].at) > abs(path[-1].at - path[0].at):
            path.append(end)
    return path


def _unwrap(family: Family, path: list[Key], ranged: bool) -> tuple[float, float]:
    """Start and end of a path of keys; time runs forward in a cyclic family."""
    start = end = path[0].at
    for key in path[1:]:
        if not family.cyclic:
            end = key.at
            continue
        ahead = (key.at - end) % 1.0
        if ahead == 0 and ranged:
            ahead = 1.0
        end = min(end + ahead, start + 1.0)
    return start, end
