"""Where a run comes from: the runs that it goes on from, and what was changed in each step. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstar_sdk.errors import SpecError
from vstar_sdk.runs.parent import Parent, read_parent
from vstar_sdk.spec.differences import Difference, differences


@dataclass(frozen=True)
class Version:
    """One run of a history.

    Attributes:
        run: as it was read.
        keeps: the frames of its parent that it keeps, such as ``0-31``; None where it has no parent.
        parent: the run before it; None where there is none, or it is not there any more.
        came_from: where its parent is, or was; None where it has none.
        changes: in what its spec differs from its parent's, but for ``start``. States are compared by caption and anchor.
    """

    run: Parent
    keeps: str | None
    parent: Parent | None
    came_from: Path | None
    changes: tuple[Difference, ...]


def history(directory: Path) -> Iterator[Version]:
    """A run and those that it goes on from, the newest first.

    It ends at a run that was made from nothing, or whose parent is not where it was: gone, or replaced by another run.

    Args:
        directory: of the run.

    Raises:
        SpecError: no run is whole there.
    """
    run: Parent | None = read_parent(directory)
    while run is not None:
        version = _version(run)
        yield version
        run = version.parent


def origin(directory: Path, written: str) -> Path:
    """Where the run is that another goes on from.

    Args:
        directory: of the other.
        written: as its resolved spec names it.

    Returns:
        A path as `directory` is written: an absolute one, or one from the folder that the program runs in.
    """
    before = (directory.resolve() / written).resolve()
    if directory.is_absolute() or before.drive != Path.cwd().drive:
        return before
    return Path(os.path.relpath(before))


def _version(run: Parent) -> Version:
    start: dict[str, Any] | None = run.spec.get("start")
    if not start or not start.get("from"):
        return Version(run, None, None, None, ())
    before = origin(run.directory, start["from"])
    parent = _there(before, run.parent)
    changes = tuple(differences(_compared(parent), _compared(run))) if parent is not None else ()
    return Version(run, str(start["keep"]), parent, before, changes)


def _there(directory: Path, run: str | None) -> Parent | None:
    """The run in a directory, if it is still that one."""
    try:
        parent = read_parent(directory)
    except SpecError:
        return None
    return parent if parent.run == run else None


def _compared(run: Parent) -> dict[str, Any]:
    """What is compared of a run: its spec, with the states as they stand on the frames, and without where it begins."""
    states = [{"caption": state["caption"], "at": state["anchor"]} for state in run.synopsis["states"]]
    spec = {key: value for key, value in run.spec.items() if key != "start"}
    return spec | {"synopsis": spec["synopsis"] | {"states": states}}
