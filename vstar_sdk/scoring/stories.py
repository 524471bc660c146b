"""What is told: one change for every family of the embedded world, and one pan where the camera can move."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.grammar import families

STORIES: Mapping[str, str] = {
    "balloon": "a {colour} balloon rises from the ground to the stars",
    "beach": "a beach from dawn to night",
    "city": "a city from day to night",
    "flower": "a {colour} flower opens",
    "landscape": "a landscape from winter to autumn",
    "submarine": "a {colour} submarine dives",
    "train": "a {colour} train travels from the town to the sea",
    "volcano": "a volcano from calm to cooled",
}
"""One story for each family; ``{colour}`` goes through the family's colours, seed by seed."""

PANS: Mapping[str, str] = {
    "landscape": "a landscape in summer, the camera pans right",
    "beach": "a beach at noon, the camera pans left",
    "city": "a city by day, the camera pans right",
}
"""Clips whose stage stands still while the camera moves."""

ORDER = ("landscape", "flower", "city", "volcano", "train", "beach", "balloon", "submarine")
"""In which families are taken where a number of them is asked for: places and things, those that pan and those with colours."""

Telling = Literal["story", "pan"]


@dataclass(frozen=True)
class Story:
    """Something to show.

    Attributes:
        family: of the embedded world.
        kind: a change of stage, or a pan of the camera.
    """

    family: str
    kind: Telling

    @property
    def name(self) -> str:
        """What to call it: ``landscape``, ``landscape pan``."""
        return self.family if self.kind == "story" else f"{self.family} pan"

    def prompt(self, seed: int) -> str:
        """The prompt; its colour goes with the seed."""
        return (STORIES if self.kind == "story" else PANS)[self.family].format(colour=self.colour(seed))

    def colour(self, seed: int) -> str:
        """The colour that it asks for, or ""."""
        colours = families()[self.family].colours
        return colours[seed % len(colours)] if colours else ""


def stories_of(chosen: Sequence[str]) -> tuple[Story, ...]:
    """The stories and the pans of families.

    Args:
        chosen: names of families, or one number: so many of `ORDER`. None: all.

    Raises:
        SpecError: there is no such family, or not so many.
    """
    names = list(dict.fromkeys(chosen)) or list(ORDER)
    if len(names) == 1 and names[0].isdecimal():
        if not 1 <= int(names[0]) <= len(ORDER):
            raise SpecError(f"--families {names[0]}: the embedded world has {len(ORDER)}", hint=f"they are {', '.join(ORDER)}")
        names = list(ORDER[: int(names[0])])
    for name in names:
        if name not in STORIES:
            near = difflib.get_close_matches(name, STORIES, 1)
            guess = f". Did you mean '{near[0]}'?" if near else ""
            raise SpecError(f"--families: there is no family '{name}'{guess}", hint=f"a number, or names: {', '.join(ORDER)}")
    told = [Story(name, "story") for name in names]
    return (*told, *(Story(name, "pan") for name in names if name in PANS))
