"""Reads a free prompt about the embedded world: which scene, from where to where, its colour and camera. Pure Python."""

from dataclasses import dataclass, field, replace

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.colours import own_colours
from vstar_sdk.miniworld.grammar import Family, families
from vstar_sdk.miniworld.lexicon import COUNTS, NEGATION, PANNING_CAMERA, ROSE_BEHIND, SMALL, STILL_CAMERA, UNCHANGING
from vstar_sdk.miniworld.scenes import Candidate, choose
from vstar_sdk.miniworld.story import tell
from vstar_sdk.miniworld.vocabulary import is_known, language, slips, whole
from vstar_sdk.miniworld.words import Text, split

MOST_WORDS = 1000
"""A prompt with more words is refused."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a prompt says.

    Attributes:
        family: name of the family.
        start: stage at the beginning, in [0, 1].
        end: stage at the end; in [0, 1], but in a cyclic family it is never less than ``start`` and may pass 1, up to 2.
        colour: a colour word of the family, or "".
        camera: "still", "left" or "right".
        unknown: words that the world does not know, as written, in the order of the prompt.
        not_used: words that it knows, but that played no part.
        left_out: what the prompt asks for and the world cannot show: a second colour, a number of subjects.
        words: how many words the prompt has; small ones ("the", "slowly") do not count.
        read: how many of them played a part.
    """

    family: str
    start: float
    end: float
    colour: str
    camera: str
    unknown: tuple[str, ...]
    not_used: tuple[str, ...] = ()
    left_out: tuple[str, ...] = field(default=(), compare=False)
    words: int = field(default=0, compare=False)
    read: int = field(default=0, compare=False)

    @property
    def half_read(self) -> bool:
        """Whether at most half of the words played a part."""
        return 2 * self.read <= self.words and self.words > 0


def known() -> str:
    """All that the world knows, a line for each family."""
    lines: list[str] = []
    for family in families().values():
        colours = f"; {', '.join(family.colours)}" if family.colours else ""
        lines.append(f"  {family.name}: {', '.join(key.name for key in family.keys)}{colours}")
    return "\n".join(
        [
            "The embedded model knows these scenes, stages and colours:",
            *lines,
            "For other prompts use a larger model: vstar models",
        ]
    )


def read(prompt: str) -> Reading:
    """Read a prompt.

    The scene is chosen by the prompt's subject and verbs (`scenes.choose`), its story by the stages and changes that it names
    (`story.tell`), its colour by what stands at the subject (`colours.own_colours`). The reading says which words played
    no part.

    Raises:
        SpecError: no scene of this world, a negation, a slip of the keyboard, a stage or a colour that the family does not have,
            a story there and back, an empty prompt or one of more than 1,000 words.
    """
    if len(prompt) > 20 * MOST_WORDS:
        raise SpecError(
            f"the prompt has {len(prompt):,} characters", hint=f"The embedded writer reads up to {MOST_WORDS:,} words."
        )
    text = split(prompt, whole)
    if not any(word.text[0].isalpha() for word in text.words):
        raise SpecError("the prompt has no words", hint=known())
    if len(text) > MOST_WORDS:
        raise SpecError(f"the prompt has {len(text):,} words", hint=f"The embedded writer reads up to {MOST_WORDS:,}.")
    text = Text(
        replace(w, text="rises") if w.text == "rose" and text[i - 1] in ROSE_BEHIND else w for i, w in enumerate(text.words)
    )
    camera, moves = _camera(text)
    stands, still = _stillness(text, prompt, moves)
    aside = sum(text[i] not in SMALL for i in moves | stands)
    text = Text(word for i, word in enumerate(text.words) if i not in moves | stands)
    if found := slips(text):
        asked = "; ".join(f"{word!r} is unknown. Did you mean {right!r}?" for word, right in found.items())
        raise SpecError(f"no known scene in {prompt.strip()!r}: {asked}", hint=known())
    found = choose(text)
    if not found:
        raise SpecError(f"no known scene in {prompt.strip()!r}: {_missing(text)}", hint=known())
    reading = _read(found, text, prompt, camera, still)
    reading = replace(reading, words=reading.words + aside, read=reading.read + aside)
    vague = reading.half_read or (reading.unknown and not found[0].family.pans)
    if not found[0].named and vague:  # stages alone do not make a scene of what is about something else
        raise SpecError(f"no known scene in {prompt.strip()!r}: {_missing(text)}", hint=known())
    return reading


def _read(found: list[Candidate], text: Text, prompt: str, camera: str, still: bool) -> Reading:
    one, *others = found
    family = one.family
    if camera != "still" and not family.pans:
        raise SpecError(
            f"the camera cannot pan over a {family.name}",
            hint="Families that pan: " + ", ".join(f.name for f in families().values() if f.pans) + ".",
        )
    colours = own_colours(family, text)
    story = tell(family, text, prompt, still)
    nouns = {i for at, _ in language(family.name).nouns.find(text) for i in at}
    used = story.used | nouns | {i for at in one.verbs for i in at}
    colour, left_out = _colour(family, list(colours))
    used |= {i for i, named in colours.values() if named == colour} if colour else set[int]()
    scenes = [
        i
        for other in others
        for at, role in other.nouns
        if role == "subject"
        for i in at
        if i not in used or text[i] == other.family.name
    ]
    if scenes:
        left_out.append(f"a clip shows one scene, and {_quoted(text, scenes)} is left out")
    counted = [i for i, word in enumerate(text.words) if i not in used and (word.text in COUNTS or word.text.isdigit())]
    if counted:
        named = _quoted(text, counted)
        left_out.append(f"{named} cannot be counted out: there is one {family.name}, and what it does happens once")
    big = [i for i in range(len(text)) if i in used or text[i] not in SMALL]
    idle = [i for i in big if i not in used and i not in counted]
    return Reading(
        family.name,
        story.start,
        story.end,
        colour,
        camera,
        unknown=_written(text, [i for i in idle if not is_known(text[i])]),
        not_used=_written(text, [i for i in idle if is_known(text[i])]),
        left_out=tuple(left_out),
        words=len(big),
        read=sum(i in used for i in big),
    )


def _written(text: Text, at: list[int]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.words[i].written for i in at))


def _quoted(text: Text, at: list[int]) -> str:
    return ", ".join(repr(word) for word in _written(text, at))


def _camera(text: Text) -> tuple[str, set[int]]:
    for at, match in text.search(PANNING_CAMERA):
        return match.group(1), set(at)
    return "still", set()


def _stillness(text: Text, prompt: str, moves: set[int]) -> tuple[set[int], bool]:
    """Words that say that camera or picture stand still, and whether the picture does; any other negation is refused."""
    camera = {i for at, _ in text.search(STILL_CAMERA) for i in at}
    picture = {i for at, _ in text.search(UNCHANGING) for i in at} - camera
    named = {i for family in families() for at, _ in language(family).events.find(text) if len(at) > 1 for i in at}
    for at, match in text.search(NEGATION):
        ended = text[at.start] == "no" and text[at.stop] == "longer"
        if not set(at) <= camera | picture | named | moves and not ended:
            raise SpecError(f"in {prompt.strip()!r}, {match.group()!r} cannot be read", hint="say what is to be seen instead")
    return camera | picture, bool(picture)


def _colour(family: Family, named: list[str]) -> tuple[str, list[str]]:
    """The colour that is shown, and the warning for those that are not."""
    shown = next((colour for colour in named if colour in family.colours), "")
    if named and not shown:
        raise SpecError(f"the {family.name} cannot be {named[0]}", hint=f"Its colours: {', '.join(family.colours)}.")
    others = [colour for colour in named if colour != shown]
    return shown, [f"the {family.name} has one colour, {shown}, and is not {' or '.join(map(repr, others))}"] if others else []


def _missing(text: Text) -> str:
    """Why a text names no scene: it has words that the world does not know, or only stages and changes of several scenes."""
    strange = [i for i, word in enumerate(text.words) if word.text[0].isalpha() and word.text not in SMALL | COUNTS]
    if unknown := [i for i in strange if not is_known(text[i])]:
        return f"the embedded model does not know {_quoted(text, unknown)}"
    for at in range(len(text)):
        having = [family for name, family in families().items() if language(name).events.at(text, at)]
        if len(having) > 1:
            *first, last = [family.name for family in having]
            what = "stage" if any(text[at] in (key.name, *key.words) for key in having[-1].keys) else "change"
            return f"{text[at]!r} is a {what} of {', '.join(first)} and {last}. Name one of these scenes"
    return "it names a change or a stage, but no subject"
