"""The index of a sweep: the spec, the axes, and its cells; whatever a process needs to do one of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import yaml

from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.output.whole import write_whole
from vstar_sdk.reading.escapes import json_escaped, printable
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.reading.yaml_reader import Loader
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.overrides import spec_path, with_value
from vstar_sdk.spec.writing import as_yaml
from vstar_sdk.sweeps.axes import Axis, overrides, spread

INDEX = "sweep.json"
CELLS = "cells"
PAGE = "index.html"
"""Names in a sweep directory."""

_FORMAT = 1
_LARGEST = 256 << 20
_TITLE, _SHOWN = 160, 48
"""Letters of the longest title, and of a value in it."""


@dataclass(frozen=True)
class Cell:
    """One run of a sweep.

    Attributes:
        id: its number, from 0, and the name of its directory: ``0007``.
        title: its values in words: ``seed=3, sampling.steps=12``.
        at: where it stands on each axis.
    """

    id: str
    title: str
    at: tuple[int, ...]


@dataclass(frozen=True)
class Sweep:
    """A sweep, as its index holds it.

    Attributes:
        base: the spec that all cells share, without ``sweep`` and ``executor``.
        axes: what changes.
        cells: in the order of the index; the last axis changes fastest.
        directory: the sweep directory.
        guard: what its cells may reach; None: everything.
    """

    base: Document
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    directory: Path = field(compare=False)
    guard: Guard | None = field(default=None, compare=False)

    @classmethod
    def of(cls, base: Document, axes: tuple[Axis, ...], directory: Path, guard: Guard | None = None) -> Sweep:
        """The sweep of a spec over axes."""
        titles = [[_title(axis, step) for step in range(len(axis.values))] for axis in axes]
        places = list(spread(axes))
        digits = max(4, len(str(len(places) - 1)))
        cells = tuple(
            Cell(f"{number:0{digits}}", ", ".join(names[step] for names, step in zip(titles, at, strict=True))[:_TITLE], at)
            for number, at in enumerate(places)
        )
        return cls(base, axes, cells, directory, guard)

    @classmethod
    def read(cls, directory: str | Path) -> Sweep:
        """Read the index of a sweep directory.

        Raises:
            OutputError: there is none, or it cannot be read.
        """
        directory = Path(directory)
        path, shown = directory / INDEX, printable(str(directory))
        try:
            data: dict[str, Any] = json.loads(read_bounded(path, _LARGEST))
            if data["format"] != _FORMAT:
                raise OutputError(
                    f"{printable(str(path))} was written by another version of vstar-sdk", hint="install that version"
                )
            base = Document(
                yaml.load(data["spec"], Loader),  # noqa: S506  (it is a safe loader)
                name=printable(str(path)),
                folder=Path(data["folder"]) if data["folder"] else None,
            )
            axes = tuple(Axis(tuple(one["paths"]), tuple(tuple(values) for values in one["values"])) for one in data["axes"])
            cells = tuple(Cell(one["id"], one["title"], tuple(one["at"])) for one in data["cells"])
            guard = Guard.model_validate(data["guard"]) if data.get("guard") is not None else None
        except FileNotFoundError:
            raise OutputError(
                f"there is no sweep in {shown}", hint="use the directory of a sweep, which has a sweep.json"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise OutputError(
                f"{printable(str(path))} cannot be read: {error}", hint="start the sweep again in another directory"
            ) from None
        return cls(base, axes, cells, directory, guard)

    def write(self) -> None:
        """Write the index, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        data = {
            "format": _FORMAT,
            "spec": self._spec,
            "folder": str(self.base.folder.absolute()) if self.base.folder else None,
            "guard": self.guard.model_dump(mode="json") if self.guard is not None else None,
            "axes": [{"paths": axis.paths, "values": axis.values} for axis in self.axes],
            "cells": [{"id": cell.id, "title": cell.title, "at": cell.at} for cell in self.cells],
        }
        text = json_escaped(json.dumps(data, ensure_ascii=False, allow_nan=False))
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            write_whole(self.directory / INDEX, text.encode() + b"\n")
        except OSError as error:
            shown = printable(str(self.directory / INDEX))
            raise OutputError(f"{shown} cannot be written: {error.strerror}", hint="choose another folder with --out") from error

    def claim(self) -> None:
        """Take the sweep directory: a new one, or one of the same sweep.

        Raises:
            OutputError: another sweep is there, or it cannot be written.
        """
        if not os.path.lexists(self.directory / INDEX):
            if os.path.lexists(page := self.directory / PAGE):
                raise OutputError(
                    f"{printable(str(page))} was not written by a sweep, and would be replaced",
                    hint="name another folder with --out",
                )
            self.write()
            return
        there = Sweep.read(self.directory)
        if (there._spec, there.axes, there.guard) != (self._spec, self.axes, self.guard):
            raise OutputError(
                f"{printable(str(self.directory))} holds another sweep: {self._difference(there)}",
                hint="choose another folder with --out, or restore the spec",
            )

    def path(self, cell: Cell | str) -> Path:
        """The run directory of a cell."""
        return self.directory / CELLS / (cell if isinstance(cell, str) else cell.id)

    def cell(self, name: str) -> Cell:
        """The cell of an id.

        Raises:
            SpecError: there is none.
        """
        try:
            return self._by_id[name]
        except KeyError:
            last = self.cells[-1].id
            raise SpecError(f"the sweep has no cell {printable(name)}", hint=f"cells are {self.cells[0].id} to {last}") from None

    def overrides(self, cell: Cell) -> Mapping[str, Any]:
        """The values that make a cell, by path."""
        return overrides(self.axes, cell.at)

    def document(self, cell: Cell) -> Document:
        """The spec of a cell.

        Raises:
            SpecError: the spec has no place for one of its values.
        """
        document = self.base
        for axis, step in zip(self.axes, cell.at, strict=True):
            for path, value in axis.at(step):
                document = with_value(document, spec_path(path), value, f"{axis.place(step)}: {path}")
        return document

    @cached_property
    def _by_id(self) -> dict[str, Cell]:
        return {cell.id: cell for cell in self.cells}

    @cached_property
    def _spec(self) -> str:
        return as_yaml(self.base.data)  # JSON has no numbers for keys

    def _difference(self, there: Sweep) -> str:
        """In what another sweep is another one."""
        names, before = [axis.name for axis in self.axes], [axis.name for axis in there.axes]
        if names != before:
            return f"over {printable('; '.join(before))}"
        changed = [axis.name for axis, was in zip(self.axes, there.axes, strict=True) if axis != was]
        if changed:
            return f"with other values of {printable('; '.join(changed))}"
        if self.guard != there.guard:
            return "begun with another guard"
        keys = dict.fromkeys([*self.base.data, *there.base.data])
        others = [str(key) for key in keys if self.base.data.get(key) != there.base.data.get(key)]
        return f"its spec has a different {printable(', '.join(others))}" if others else "its spec differs"


def _title(axis: Axis, step: int) -> str:
    return ", ".join(f"{path}={_short(value)}" for path, value in axis.at(step))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(cast(object, value), ensure_ascii=False)
    text = printable(" ".join(text.split()))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
