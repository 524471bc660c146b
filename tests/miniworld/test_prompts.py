"""Prompts and their right reading: every ``prompts*.yaml`` beside this file.

An entry has a ``prompt``, its ``kind``, what is ``expected``, and perhaps ``why``. What ``expected`` does not name is not
checked.
Where a value is a list, any of its members is right for ``family``, ``begin``, ``end``, ``direction``, ``colour`` and ``camera``;
of fields that hold words all members are wanted, and a list within the list means any of those.

- ``refused``: ``true``, any reading is wrong; ``allowed``, a refusal is right, and so is a reading for which the rest holds.
- ``suggests``: words that a refusal names, apart from the list of all that the world knows.
- ``family``, ``colour``, ``camera``; ``begin`` and ``end``, names of stages; ``direction``: still, forward or back.
- ``never``: stages that are not shown.
- ``colours``: one of them is shown, and the first line of the warnings names the others.
- ``scenes: {family: word}``: one family is shown, and the first line names the word of each other one.
- ``warned``: words that the first line names; ``told``: words that any warning names.
- ``not_used``, ``unknown``: words told as that, and not as the other; ``not_unknown``: words not told as unknown.
- ``half_read``: the first line says that at most half was read, with the share (up to 0.6: what a small word is can be
  argued); ``{share: [low, high]}``, a share between; ``false``, it tells no share of half or less.
- ``clean: true``: no warning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.grammar import Family, families
from vstar_sdk.miniworld.reader import known
from vstar_sdk.miniworld.writer import Reading, read, write

SUITES = sorted(Path(__file__).parent.glob("prompts*.yaml"))
ENTRIES = [entry for suite in SUITES for entry in yaml.safe_load(suite.read_text(encoding="utf-8"))]
STAGES = ("begin", "end", "never")
FIELDS = {
    *("refused", "suggests", "family", *STAGES, "direction", "colour", "colours", "scenes", "camera"),
    *("warned", "told", "unknown", "not_used", "not_unknown", "half_read", "clean"),
}
NEAR = 0.02


@dataclass(frozen=True)
class Seen:
    """What became of a prompt that was read."""

    reading: Reading
    warnings: tuple[str, ...]

    @property
    def family(self) -> Family:
        return families()[self.reading.family]

    @property
    def first_line(self) -> str:
        return self.warnings[0].splitlines()[0] if self.warnings else ""


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry['kind']}: {entry['prompt'][:40]}")
def test_reads_or_refuses_a_prompt_as_it_should(entry: dict[str, Any]) -> None:
    prompt, expected = entry["prompt"], entry["expected"]
    try:
        found = differences(expected, Seen(read(prompt), write(prompt).warnings))
    except SpecError as error:
        told = f"{error.message}\n{error.hint or ''}".replace(known(), "")
        found = unnamed(told, expected.get("suggests")) if expected.get("refused") else [f"refused: {told}"]
    assert not found


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry['kind']}: {entry['prompt'][:40]}")
def test_the_suite_names_what_there_is(entry: dict[str, Any]) -> None:
    expected = entry["expected"]
    assert set(entry) <= {"prompt", "kind", "expected", "why"}
    assert set(expected) <= FIELDS
    named = [*members(expected.get("family")), *expected.get("scenes", {})]
    assert set(named) <= set(families())
    keys = {key.name for name in named for key in families()[name].keys}
    assert {name for field in STAGES for name in members(expected.get(field))} <= keys


def differences(expected: dict[str, Any], seen: Seen) -> list[str]:
    """What differs between the right reading and what was read."""
    if expected.get("refused") is True:
        return [f"read as {seen}"]
    return [*scene(expected, seen), *story(expected, seen), *words(expected, seen), *first_line(expected, seen)]


def scene(expected: dict[str, Any], seen: Seen) -> list[str]:
    """What differs in family, colour and camera."""
    shown = {"family": seen.reading.family, "colour": seen.reading.colour, "camera": seen.reading.camera}
    found = [
        f"{field} {value!r}" for field, value in shown.items() if field in expected and value not in members(expected[field])
    ]
    if seen.reading.family not in expected.get("scenes", families()):
        found.append(f"family {seen.reading.family!r}")
    if seen.reading.colour not in expected.get("colours", [seen.reading.colour]):
        found.append(f"colour {seen.reading.colour!r}")
    return found


def story(expected: dict[str, Any], seen: Seen) -> list[str]:
    """What differs in the stages, and in the way from one to the other."""
    start, end = seen.reading.start, seen.reading.end
    keys = {key.name: key.at for key in seen.family.keys}
    found: list[str] = []
    for field, at in (("begin", start), ("end", end)):
        wanted = members(expected.get(field))
        if wanted and not any(name in keys and same_stage(seen.family, keys[name], at) for name in wanted):
            found.append(f"{field} at {at:.2f}")
    direction = "still" if abs(end - start) < NEAR else "forward" if end > start else "back"
    if direction not in members(expected.get("direction", direction)):
        found.append(f"goes {direction}")
    turns = range(3) if seen.family.cyclic else range(1)
    for name in members(expected.get("never")):
        if any(min(start, end) - NEAR < keys[name] + turn < max(start, end) + NEAR for turn in turns):
            found.append(f"shows {name}")
    return found


def words(expected: dict[str, Any], seen: Seen) -> list[str]:
    """What differs in the words that are told."""
    unknown = {word.casefold() for word in seen.reading.unknown}
    not_used = {word.casefold() for word in seen.reading.not_used}
    found = [f"{word!r} is not told as unknown" for word in lower(expected, "unknown") if word not in unknown - not_used]
    found += [f"{word!r} is not told as not used" for word in lower(expected, "not_used") if word not in not_used - unknown]
    found += [f"{word!r} is told as unknown" for word in lower(expected, "not_unknown") if word in unknown]
    found += [f"no warning names {word!r}" for word in unnamed("\n".join(seen.warnings), expected.get("told"))]
    if expected.get("clean") and seen.warnings:
        found.append("warned without a reason")
    return found


def first_line(expected: dict[str, Any], seen: Seen) -> list[str]:
    """What differs in the first line of the warnings."""
    reading = seen.reading
    wanted = [*members(expected.get("warned"))]
    wanted += [colour for colour in expected.get("colours", ()) if colour != reading.colour]
    wanted += [word for family, word in expected.get("scenes", {}).items() if family != reading.family]
    found = [f"the first line does not name {word!r}" for word in unnamed(seen.first_line, wanted)]
    half, share = expected.get("half_read"), share_told(seen.first_line)
    if half is False and share is not None and share <= 0.5:
        found.append("told as half read")
    if half:
        low, high = half["share"] if isinstance(half, dict) else (0.0, 0.6)
        if share is None or not low <= share <= high:
            found.append(f"a share of {share}")
    return found


def members(value: Any) -> list[Any]:
    """A list as it is, one value as a list, none as an empty one."""
    return [] if value is None else value if isinstance(value, list) else [value]


def lower(expected: dict[str, Any], field: str) -> list[str]:
    return [word.casefold() for word in members(expected.get(field))]


def unnamed(text: str, wanted: Any) -> list[Any]:
    """The words that a text does not have as whole words; of a list within the list one is enough."""

    def has(word: str) -> bool:
        return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None

    return [word for word in members(wanted) if not any(has(one) for one in members(word))]


def same_stage(family: Family, key: float, at: float) -> bool:
    apart = abs(key - at)
    return (min(apart % 1, 1 - apart % 1) if family.cyclic else apart) < NEAR


def share_told(line: str) -> float | None:
    """The share of the prompt that a line says was read, as in "25 %"."""
    found = re.search(r"(\d+(?:\.\d+)?)\s?%", line)
    return float(found.group(1)) / 100 if found else None
