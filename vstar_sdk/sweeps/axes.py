"""The key ``sweep`` of a spec: paths and their values. Each entry is an axis; all axes are crossed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from vstar_sdk.errors import SpecError, SpecPath
from vstar_sdk.reading.escapes import printable
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.overrides import spec_path
from vstar_sdk.spec.problems import located
from vstar_sdk.spec.run_spec import RunSpec
from vstar_sdk.spec.sweep_keys import SWEEP
from vstar_sdk.sweeps.values import MOST, Row, read_values

MOST_CELLS = 100_000
"""Cells of the largest sweep."""

_SHAPE = "write a list of values, {from: 0, to: 9}, or a file name (one value a line)"


@dataclass(frozen=True)
class Axis:
    """Values of one path, or of several that change together.

    Attributes:
        paths: as they are written: ``sampling.steps``.
        values: for each step along the axis a value for each path.
        places: where each step is written; empty for an axis that was read from an index.
    """

    paths: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    places: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """As in the spec."""
        return ", ".join(self.paths)

    def at(self, step: int) -> Iterator[tuple[str, Any]]:
        """Paths and their values at one step."""
        return zip(self.paths, self.values[step], strict=True)

    def place(self, step: int) -> str:
        """Where the values of a step are written, for messages."""
        return self.places[step] if self.places else f"{self.name}[{step}]"


def read_axes(document: Document, guard: Guard | None = None) -> tuple[Axis, ...]:
    """The axes of a sweep.

    Args:
        document: a spec with the key ``sweep``.
        guard: what it may reach.

    Raises:
        SpecError: it has none, or one of them is wrong, with its place; or they make too many cells.
    """
    written: Any = document.data.get(SWEEP)
    if not isinstance(written, dict) or not written:
        what = "has no key 'sweep'" if written is None else "sweep: write a mapping of paths and their values"
        raise SpecError(located(document, (SWEEP,) if written is not None else (), what), hint="sweep: {seed: {from: 0, to: 9}}")
    for key, value in cast(dict[Any, Any], written).items():
        if guard is not None and isinstance(value, str):
            guard.check_file((document.folder or Path()) / value, document, (SWEEP, key))
    axes = tuple(_axis(document, key, value) for key, value in cast(dict[Any, Any], written).items())
    _check_apart(document, axes)
    if (cells := math.prod(len(axis.values) for axis in axes)) > MOST_CELLS:
        sizes = " x ".join(str(len(axis.values)) for axis in axes)
        raise SpecError(located(document, (SWEEP,), f"{sizes} are {cells:,} cells, more than {MOST_CELLS:,}"), hint="split it")
    return axes


def _axis(document: Document, key: Any, value: Any) -> Axis:
    where: SpecPath = (SWEEP, key)
    paths = tuple(path.strip() for path in str(key).split(","))
    if not all(map(spec_path, paths)):
        raise SpecError(located(document, where, "write a path of the spec, or several with commas between them"))
    rows = list(_rows(document, where, paths, value))
    if not rows:
        raise SpecError(located(document, where, "an axis needs at least one value"), hint=_SHAPE)
    seen: dict[str, Row] = {}
    for row in rows:
        text = _same(document, where, row)
        if text in seen:
            raise SpecError(f"{row.place}: the same as {seen[text].place}: the cell would run twice", hint="remove one of them")
        seen[text] = row
    # As they will be read from the index.
    values = tuple(tuple(json.loads(text)) for text in seen)
    return Axis(paths, values, tuple(row.place for row in rows))


def _same(document: Document, where: SpecPath, row: Row) -> str:
    try:
        return json.dumps(row.values, allow_nan=False)
    except ValueError:
        raise SpecError(f"{row.place}: must be a finite number", path=where) from None


def _rows(document: Document, where: SpecPath, paths: Sequence[str], value: Any) -> Iterator[Row]:
    if isinstance(value, str):
        folder = document.folder or Path()
        try:
            yield from read_values(folder / value, paths, [_text_alone(path) for path in paths])
        except SpecError as error:
            raise SpecError(located(document, where, error.message), hint=error.hint, path=where) from None
        return
    if isinstance(value, dict):
        for number in _range(document, where, cast(dict[Any, Any], value)):
            yield Row((number,) * len(paths), located(document, where, "").rstrip(": "))
        return
    if not isinstance(value, list):
        raise SpecError(located(document, where, _SHAPE[0].upper() + _SHAPE[1:]), path=where)
    for index, item in enumerate(cast(list[Any], value)):
        place = located(document, (*where, index), "").rstrip(": ")
        if len(paths) == 1:
            yield Row((item,), place)
        elif isinstance(item, list) and len(cast(list[Any], item)) == len(paths):
            yield Row(tuple(cast(list[Any], item)), place)
        else:
            raise SpecError(f"{place}: write a list of {len(paths)} values, one for each of {printable(', '.join(paths))}")


def _range(document: Document, where: SpecPath, written: dict[Any, Any]) -> Iterator[int | float]:
    """The numbers of ``{from: 0, to: 9, step: 1}``; the last is among them."""

    def refuse(message: str) -> SpecError:
        return SpecError(located(document, where, message), hint="{from: 0, to: 9}, or {from: 0.5, to: 2, step: 0.5}", path=where)

    if not {"from", "to"} <= set(written) <= {"from", "to", "step"}:
        raise refuse("a range has 'from', 'to' and optionally 'step'")
    first, last, step = written["from"], written["to"], written.get("step", 1)
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in (first, last, step)):
        raise refuse("'from', 'to' and 'step' must be numbers")
    if not all(map(_finite, (first, last, step))) or step <= 0 or last < first:
        raise refuse("'to' must not be less than 'from', and 'step' must be above 0")
    whole = all(isinstance(number, int) for number in (first, last, step))
    steps = (last - first) // step if whole else (last - first) / step + 1e-9
    if not steps < MOST:
        raise refuse(f"more than {MOST:,} values")
    for index in range(math.floor(steps) + 1):
        yield first + index * step if whole else round(first + index * step, 12)


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond every float
        return False


def _check_apart(document: Document, axes: Sequence[Axis]) -> None:
    """Refuse axes that set the same value, or one inside the other: which counts would hang on their order."""
    known: dict[SpecPath, str] = {}
    holders: dict[SpecPath, str] = {}
    for axis in axes:
        for path in axis.paths:
            steps = spec_path(path)
            above = [steps[:length] for length in range(1, len(steps))]
            name = holders.get(steps) or next((known[other] for other in above if other in known), "")
            if steps in known or name:
                which = "twice" if steps in known else f"together with {name}, which contains it or is part of it"
                raise SpecError(located(document, (SWEEP, axis.name), f"{path} is in the sweep {which}"))
            if document.given.get(steps, "").startswith("--"):
                raise SpecError(f"{document.given[steps]}: the sweep sets it in every cell", hint="remove one of them")
            known[steps] = path
            holders.update(dict.fromkeys(above, path))


def _text_alone(path: str) -> bool:
    """Whether a field of the spec takes text and no numbers."""
    name, *rest = spec_path(path)
    kinds = (RunSpec.model_fields[str(name)].annotation,) if str(name) in RunSpec.model_fields and not rest else ()
    plain = {kind for one in kinds for kind in (get_args(one) or (one,))} - {type(None)}
    return plain == {str}


def spread(axes: Sequence[Axis]) -> Iterator[tuple[int, ...]]:
    """Where each cell stands on every axis; the last axis changes fastest."""
    import itertools

    return itertools.product(*(range(len(axis.values)) for axis in axes))


def overrides(axes: Sequence[Axis], at: Sequence[int]) -> Mapping[str, Any]:
    """The values of a cell, by path."""
    return {path: value for axis, step in zip(axes, at, strict=True) for path, value in axis.at(step)}
