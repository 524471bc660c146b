"""The words of the world: families, their stages, colours and camera moves, and every caption made of them.

Training captions and the writer's captions come from here, so that the writer only says what the text encoder has
seen. Families are found by scanning ``vstar_sdk.miniworld.captions``: each module there holds one ``FAMILY``.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache

CAMERAS = ("still", "left", "right")
"""The camera stands, or pans to that side."""


@dataclass(frozen=True)
class Key:
    """A named stage of a family."""

    name: str
    """Its name, as it stands in "from winter to autumn"."""

    at: float
    """The stage, in [0, 1]."""

    words: tuple[str, ...]
    """Other words that a prompt may use for it."""

    captions: tuple[str, ...]
    """Its captions; the same place in every key of a family has the same build. ``{subject}`` is filled in."""

    then: str = ""
    """Name of the key that is there when this one ends; "" for the next one in a cyclic family, else the usual start."""


@dataclass(frozen=True)
class Arc:
    """A change that prompts name by a verb or a phrase: "the volcano wakes up"."""

    words: tuple[str, ...]
    """Phrases that stand for the change."""

    start: str
    """Name of the key where it begins."""

    end: str
    """Name of the key where it ends."""

    captions: tuple[str, ...] = ()
    """Captions of a whole clip that shows the change."""

    verbs: tuple[str, ...] = ()
    """Verbs that stand for the change in every form that is not a stage's word; of "go up" the first word is bent, of "sun set*"
    the one with the star."""


@dataclass(frozen=True)
class Family:
    """A kind of scene."""

    name: str
    subject: str
    """How captions name it, with its article; ``{colour}`` stands where a colour goes."""

    nouns: tuple[str, ...]
    """Words of a prompt that mean this family; a plural in -s goes without saying."""

    keys: tuple[Key, ...]
    """Key stages, rising."""

    arcs: tuple[Arc, ...]
    """Named changes; the first is what the family does when a prompt names no stage."""

    colours: tuple[str, ...] = ()
    """Colour words that it takes; the first stands in when a prompt names none."""

    verbs: tuple[str, ...] = ()
    """Verbs that mean this family alone, whatever their subject is called: "erupt"."""

    cyclic: bool = False
    """After the last key comes the first again: stages count modulo 1."""

    pans: bool = False
    """The camera can pan over it."""

    def key(self, name: str) -> Key:
        """The key of that name; KeyError if there is none."""
        return {key.name: key for key in self.keys}[name]

    def after(self, key: Key) -> Key:
        """The key that is there when that one has ended."""
        if key.then:
            return self.key(key.then)
        if self.cyclic:
            return self.keys[(self.keys.index(key) + 1) % len(self.keys)]
        usual = self.arcs[0]
        return self.key(usual.end if key.name == usual.start else usual.start)

    def ladder(self, turns: int = 1) -> list[tuple[float, Key]]:
        """The keys with their stages in rising order; a cyclic family's repeat, each turn a stage of 1 higher."""
        rounds = range(turns + 1) if self.cyclic else range(1)
        return [(turn + key.at, key) for turn in rounds for key in self.keys]


@cache
def families() -> dict[str, Family]:
    """All families by name."""
    from vstar_sdk.miniworld import captions

    modules = [importlib.import_module(f"{captions.__name__}.{i.name}") for i in pkgutil.iter_modules(captions.__path__)]
    found = [module.FAMILY for module in modules]
    return {family.name: family for family in found}


def subject(family: Family, colour: str = "") -> str:
    """The family's subject with its colour, or without one: "a red flower", "a flower"."""
    said = " ".join(family.subject.replace("{colour}", colour).split())
    if said.startswith("a ") and said[2] in "aeio":
        said = "an" + said[1:]
    return said


def with_camera(caption: str, camera: str) -> str:
    """The caption, with the camera's move when it has one."""
    return caption if camera == "still" else f"{caption}, the camera pans {camera}"


def key_captions(family: Family, key: Key, colour: str = "", camera: str = "still") -> tuple[str, ...]:
    """All captions of a key stage; the first is the writer's."""
    return tuple(with_camera(one.replace("{subject}", subject(family, colour)), camera) for one in key.captions)


def between_caption(family: Family, first: Key, second: Key, colour: str = "", camera: str = "still") -> str:
    """The caption of the stage half-way between two neighbouring keys."""
    said = f"{subject(family, colour)} between {first.name} and {second.name}"
    return with_camera(said, camera)


def change_captions(family: Family, first: Key, last: Key, colour: str = "", camera: str = "still") -> tuple[str, ...]:
    """Captions of a whole clip that goes from one key to another."""
    who = subject(family, colour)
    said = [f"{who} from {first.name} to {last.name}"]
    for arc in family.arcs:
        if (arc.start, arc.end) == (first.name, last.name):
            said += [one.replace("{subject}", who) for one in arc.captions]
    return tuple(with_camera(caption, camera) for caption in said)


@cache
def vocabulary() -> frozenset[str]:
    """Every word of every caption."""
    return frozenset(word for line in corpus() for word in line.replace(",", " ").split())


def corpus() -> list[str]:
    """Every caption there is, for the tokenizer."""
    lines: list[str] = []
    for family in families().values():
        for colour in family.colours or ("",):
            for camera in CAMERAS if family.pans else CAMERAS[:1]:
                for key in family.keys:
                    lines += key_captions(family, key, colour, camera)
                    for other in family.keys:
                        lines.append(between_caption(family, key, other, colour, camera))
                        lines += change_captions(family, key, other, colour, camera)
    return list(dict.fromkeys(lines))
