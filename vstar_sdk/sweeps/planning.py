"""From the spec of a sweep to its cells, each of them checked before the first begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from vstar_sdk.errors import SpecError
from vstar_sdk.options import Options
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.loading import SpecLoader, load_section
from vstar_sdk.spec.sweep_keys import EXECUTOR, SWEEP, SweepKeys
from vstar_sdk.sweeps.axes import read_axes
from vstar_sdk.sweeps.contract import Executor
from vstar_sdk.sweeps.index import Sweep

MOST_PLANNED = 300
"""Cells that are planned, besides that all are validated: a plan takes ten times as long."""

_MOST_PROBLEMS = 8

_UNPLANNED = frozenset({"seed"})
"""Paths that no plan depends on."""


@dataclass(frozen=True)
class SweepPlan:
    """A sweep, decided and checked.

    Attributes:
        sweep: its cells.
        executor: the part's validated options.
        catalog: makes it.
        planned: how many cells were planned, besides that all were validated.
    """

    sweep: Sweep
    executor: Options
    catalog: Catalog
    planned: int

    def make_executor(self) -> Executor:
        """The executor.

        Raises:
            PluginError: it breaks the contract.
            MissingDependency: a package that it needs is not installed.
        """
        return self.catalog.make("executors", self.executor, path=(EXECUTOR,))


def plan_sweep(document: Document, directory: Path, *, guard: Guard | None = None) -> SweepPlan:
    """Read and check a sweep. Nothing is written, no model is loaded, no language model is asked.

    Args:
        document: a spec with the key ``sweep``, and maybe ``executor``.
        directory: where it is to be done.
        guard: what it may reach; every process that does its cells keeps to it.

    Raises:
        SpecError: something in it, or in one of its cells, is wrong; with its place.
        PluginError: a plugin that it names is broken.
        ModelError: a model's files are missing.
        OutputError: the guard does not allow the directory.
    """
    if guard is not None:
        guard.check_output(directory)
    axes = read_axes(document, guard)
    written: Any = document.data.get(EXECUTOR)
    chosen: dict[str, Any] = {EXECUTOR: {} if written is None else written}
    section, catalog = load_section(replace(document, data=chosen), SweepKeys, guard=guard)
    base = replace(document, data={key: value for key, value in document.data.items() if key not in (SWEEP, EXECUTOR)})
    sweep = Sweep.of(base, axes, directory, guard)
    return SweepPlan(sweep, cast(Options, section.executor), catalog, _check(sweep))


def _check(sweep: Sweep) -> int:
    """Validate every cell, and plan some; how many.

    Raises:
        SpecError: one is wrong; every problem is listed once.
    """
    loader, wanted = SpecLoader(guard=sweep.guard), set(_to_plan(sweep))
    problems: dict[str, SpecError] = {}
    for cell in sweep.cells:
        try:
            loaded = loader.load(sweep.document(cell))
            if cell.id in wanted:
                make_plan(loaded)
        except SpecError as error:
            for line in error.message.splitlines():
                problems.setdefault(line, error)
            if len(problems) >= _MOST_PROBLEMS:
                break
    if problems:
        first = next(iter(problems.values()))
        raise SpecError("\n".join(problems), hint=first.hint, path=first.path)
    return len(wanted)


def _to_plan(sweep: Sweep) -> Iterator[str]:
    """The cells whose plans differ: all where they are few, else every value of an axis once, or as many as are planned."""
    axes = [[*range(len(axis.values))] if not _UNPLANNED.issuperset(axis.paths) else [0] for axis in sweep.axes]
    by_place = {cell.at: cell for cell in sweep.cells}
    number = 1
    for steps in axes:
        number *= len(steps)
    if number <= MOST_PLANNED:
        from itertools import product

        yield from (by_place[at].id for at in product(*axes))
        return
    share = max(1, MOST_PLANNED // len(axes))
    for position, steps in enumerate(axes):
        for step in _evenly(steps, share):
            yield by_place[tuple(step if index == position else 0 for index in range(len(axes)))].id


def _evenly(steps: Sequence[int], most: int) -> Sequence[int]:
    if len(steps) <= most:
        return steps
    return [steps[index * (len(steps) - 1) // (most - 1)] for index in range(most)] if most > 1 else steps[:1]
