"""Writes the synopsis of a prompt about the embedded world, in captions that its text encoder knows. Pure Python."""

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.grammar import Family, Key, between_caption, families, key_captions
from vstar_sdk.miniworld.reader import Reading, read
from vstar_sdk.synopses import State, Synopsis

__all__ = ["Reading", "read", "write"]

_SNAP = 0.25
"""A stage this near to a key, as a share of the way to the next, is told by the key's caption."""


def write(prompt: str, states: int | None = None) -> Synopsis:
    """Key states of a prompt, in story order.

    Without ``states`` there is one state for each key stage that the prompt passes, its start and end included (one state
    when nothing changes). With ``states``, that many stages are spaced evenly from start to end; one that lies within a
    quarter of the way of a key stage is told by that key's caption, any other by the caption of the stage between two
    keys ("a landscape between winter and spring"). Where the prompt names no colour, the family's first colour is told. A warning
    names what of the prompt was not read: the share of its words, if that is half or less, a second colour, a number, and every
    word that played no part.

    Args:
        prompt: what to show, in free words.
        states: how many key states, at least 1.

    Raises:
        SpecError: the prompt cannot be read, or ``states`` is less than 1.
    """
    reading = read(prompt)
    family = families()[reading.family]
    colour = reading.colour or (family.colours[0] if family.colours else "")
    if states is None:
        stages = _passed(family, reading.start, reading.end)
    elif states < 1:
        raise SpecError(f"a synopsis has at least one state, not {states}", path=("states",))
    else:
        gap = (reading.end - reading.start) / max(states - 1, 1)
        stages = [reading.start + i * gap for i in range(states)]
    written = tuple(State(caption(family, stage, colour, reading.camera)) for stage in stages)
    return Synopsis(written, warnings=_warnings(reading))


def _warnings(reading: Reading) -> tuple[str, ...]:
    """One line that says what of a prompt was not read, the gravest first; none if all was."""
    parts: list[str] = []
    if reading.half_read:
        share = round(100 * reading.read / reading.words)
        parts.append(f"the prompt is half read: {reading.read} of {reading.words} words ({share} %) played a part")
    parts += reading.left_out
    for words, why in ((reading.not_used, "known, but not used"), (reading.unknown, "unknown to the embedded world")):
        names = [repr(word) for word in words if not any(repr(word) in line for line in reading.left_out)]
        if names:
            parts.append(f"{why}: {', '.join(names)}")
    return ("; ".join(parts),) if parts else ()


def caption(family: Family, stage: float, colour: str = "", camera: str = "still") -> str:
    """The writer's caption of a stage, which may pass 1 in a cyclic family."""
    ladder = family.ladder(2)
    lower = max((rung for rung in ladder if rung[0] <= stage + 1e-9), key=lambda rung: rung[0])
    upper = min((rung for rung in ladder if rung[0] > stage + 1e-9), key=lambda rung: rung[0], default=lower)
    return _caption(family, lower, upper, stage, colour, camera)


def _caption(family: Family, lower: tuple[float, Key], upper: tuple[float, Key], stage: float, colour: str, camera: str) -> str:
    way = 0.0 if upper is lower else (stage - lower[0]) / (upper[0] - lower[0])
    if _SNAP < way < 1 - _SNAP:
        return between_caption(family, lower[1], upper[1], colour, camera)
    return key_captions(family, lower[1] if way <= _SNAP else upper[1], colour, camera)[0]


def _passed(family: Family, start: float, end: float) -> list[float]:
    low, high = min(start, end), max(start, end)
    stages = sorted({at for at, _ in family.ladder(2) if low - 1e-9 <= at <= high + 1e-9})
    return stages if end >= start else stages[::-1]
