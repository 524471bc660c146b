"""In what the clips of a gallery differ, and what that does to their metrics."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from vstar_sdk.gallery.clips import Shown
from vstar_sdk.metrics.intervals import interval

_LONGEST = 60
_SEED = "seed"
_STATES = "key states"


@dataclass(frozen=True)
class Axis:
    """A key in which specs differ.

    Attributes:
        name: its path in the spec.
        values: those that there are, in the order of the clips, as short texts.
        of: for each clip the number of its value.
    """

    name: str
    values: Sequence[str]
    of: Sequence[int]

    def text(self, clip: int) -> str:
        """The value of a clip."""
        return self.values[self.of[clip]]


@dataclass(frozen=True)
class Table:
    """Metrics, averaged over seeds.

    Attributes:
        head: names of the columns.
        rows: texts.
        about: how to read it, one statement each.
        title: above it.
        words: numbers of the columns that hold words; the others hold numbers.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    about: Sequence[str]
    title: str = "Measured"
    words: Collection[int] = (0,)


def axes_of(clips: Sequence[Shown]) -> list[Axis]:
    """The keys in which the specs of the clips differ.

    Of key states only their number is compared: their texts follow the prompt. Of keys that divide the clips in the same way, the
    first stands for all.
    The seed stands for itself alone.
    """
    flat = [dict(_flat(_counted(clip.spec))) for clip in clips]
    names = dict.fromkeys(name for one in flat for name in one)
    axes: list[Axis] = []
    divided: set[tuple[int, ...]] = set()
    for name in names:
        numbers: dict[str, int] = {}
        of = tuple(numbers.setdefault(one.get(name, ""), len(numbers)) for one in flat)
        if len(numbers) > 1 and (name == _SEED or of not in divided):
            axes.append(Axis(name, _short(numbers), of))
            if name != _SEED:
                divided.add(of)
    return axes


def table_of(clips: Sequence[Shown], axes: Sequence[Axis]) -> Table | None:
    """The metrics of the clips that differ in their seeds alone, as a mean with its 95 % interval; None without metrics."""
    names = list(dict.fromkeys(name for clip in clips for name in clip.metrics))
    if not names:
        return None
    others = [axis for axis in axes if axis.name != _SEED]
    groups: dict[tuple[int, ...], list[Shown]] = {}
    for number, clip in enumerate(clips):
        groups.setdefault(tuple(axis.of[number] for axis in others), []).append(clip)
    rows: list[list[str]] = []
    for values, members in groups.items():
        means = [_mean([clip.metrics[name] for clip in members if name in clip.metrics]) for name in names]
        titles = [axis.values[value] or "not set" for axis, value in zip(others, values, strict=True)]
        rows.append([*titles, str(len(members)), *means])
    about = "Means over the clips of a row; in brackets the 95 % interval of the mean, by resampling them (three clips or more)."
    return Table([*(axis.name for axis in others), "clips", *names], rows, [about], words=range(len(others)))


def _short(texts: Iterable[str]) -> list[str]:
    """The texts, cut where they are long, and still told apart."""
    found: dict[str, int] = {}
    shown: list[str] = []
    for text in texts:
        short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
        found[short] = found.get(short, 0) + 1
        shown.append(short if found[short] == 1 else f"{short} ({found[short]})")
    return shown


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ""
    mean = f"{np.mean(values):.3g}"
    if len(values) < 3:
        return mean
    found = interval(values, resamples=2000)
    return f"{mean} ({found.low:.3g} to {found.high:.3g})"


def _counted(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec with the number of its key states in the place of its synopsis."""
    counted: dict[str, Any] = {}
    for key, value in spec.items():
        if key != "synopsis":
            counted[key] = value
        elif isinstance(value, Mapping) and isinstance(states := cast(Mapping[str, Any], value).get("states"), list):
            counted[_STATES] = len(cast(list[Any], states))
    return counted


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a spec by their paths."""
    if isinstance(value, Mapping) and value:
        for key, item in cast(Mapping[Any, Any], value).items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and all(isinstance(item, Mapping) for item in cast(list[Any], value)):
        parts = cast(list[Mapping[str, Any]], value)
        yield path, ", ".join(str(part.get("use", "")) for part in parts) or "none"
        for index, part in enumerate(parts):
            yield from _flat(part, f"{path}[{index}]")
    else:
        yield path, "" if value is None else str(cast(object, value)).removesuffix(".0" if isinstance(value, float) else "")
