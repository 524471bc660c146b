"""``vstar sweep``: from one spec to many videos."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import click

from vstar_sdk.cli.arguments import OutPath, SpecArguments, spec_arguments
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, document_json, say, warn
from vstar_sdk.cli.sweep_progress import progress
from vstar_sdk.errors import ExpectationError, VstarError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.spec.overrides import with_value
from vstar_sdk.spec.sources import STDIN, is_prompt
from vstar_sdk.spec.sweep_keys import EXECUTOR
from vstar_sdk.sweeps.contract import Executor
from vstar_sdk.sweeps.planning import SweepPlan, plan_sweep
from vstar_sdk.sweeps.status import SweepStatus

SWEEPS = Path("sweeps")
"""Where sweep directories are made that nobody names."""

_SHOWN = 8
"""Cells that a dry run names."""


@click.command(cls=Command)
@spec_arguments
@click.option("-o", "--out", type=OutPath("sweep directory"), help="The sweep directory. Default: sweeps/ and the spec's name.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Parallel processes. Default: one a GPU, or one.")
@click.option("--executor", metavar="NAME", help="Where the cells run. Default: local, on this machine.")
@click.option("--retry-failed", is_flag=True, help="Run the failed cells again.")
@click.option("--dry-run", is_flag=True, help="Check every cell and show the plan; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the status at the end as JSON; with --dry-run, the cells.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; the sweep directory is still printed.")
def sweep(
    given: SpecArguments,
    out: Path | None,
    workers: int | None,
    executor: str | None,
    retry_failed: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a video for every combination of the values in the spec's key "sweep".

    Each combination is a cell: a run directory below cells/ in the sweep directory. Repeat the command to continue a sweep:
    finished cells are skipped, interrupted ones continue. The last line of stdout is the sweep directory; its index.html shows
    the clips side by side.
    """
    written = given.read()
    if executor is not None and written.data.get(EXECUTOR) != executor:
        held = written.data.get(EXECUTOR)
        if not isinstance(held, dict) or held.get("use", "local") != executor:  # pyright: ignore[reportUnknownMemberType]
            written = with_value(written, (EXECUTOR,), {"use": executor}, "--executor")
    if workers is not None:
        if isinstance(named := written.data.get(EXECUTOR), str):
            written = dataclasses.replace(written, data={**written.data, EXECUTOR: {"use": named}})
        written = with_value(written, (EXECUTOR, "workers"), workers, "--workers")
    directory = out or SWEEPS / _name(given)
    plan = plan_sweep(written, directory, guard=given.guard())
    if dry_run:
        _show(plan, as_json=as_json)
        return
    made = plan.make_executor()
    plan.sweep.claim()
    carry_out(plan, made, retry_failed=retry_failed, quiet=quiet)
    if (page := _page(plan)) is not None and not quiet:
        say(f"wrote {printable(str(page))}")
    status = SweepStatus.of(plan.sweep)
    if as_json:
        document_json(status.json())
    else:
        document(f"{directory}\n")
    check_done(status)


def carry_out(plan: SweepPlan, made: Executor, *, retry_failed: bool, quiet: bool) -> None:
    """Run the cells of a sweep that are left.

    Args:
        plan: of the sweep, which is claimed.
        made: runs them.
        retry_failed: those that failed, too.
        quiet: no progress.
    """
    from vstar_sdk.sweeps.cells import retry, tidy

    if retry_failed:
        retry(plan.sweep)
    if left := SweepStatus.of(plan.sweep).left:
        with progress(plan.sweep, quiet=quiet):
            made.run(plan.sweep.directory.absolute(), left)
    tidy(plan.sweep)


def _page(plan: SweepPlan) -> Path | None:
    """The page of what is done; a sweep is not worth less without it."""
    from vstar_sdk.gallery.sweep import write_page

    try:
        return write_page(plan.sweep)
    except VstarError as error:
        warn(error.message)
        return None


def check_done(status: SweepStatus) -> None:
    """Tell what is not done.

    Raises:
        VstarError: something is not.
    """
    counts, shown = status.counts, printable(str(status.sweep.directory))
    if counts["failed"]:
        failures = list(status.failures())
        for cell, failed in failures[:_SHOWN]:
            say(f"{cell.id} ({cell.title}): {printable(failed.message)}", label="failed: ", color="red")
        said, made = (
            f"{len(failures)} of {len(status.states)} cells failed",
            [failed for _, failed in failures if failed.unexpected],
        )
        if len(made) == len(failures):
            raise ExpectationError(said, hint=f"vstar status {shown} shows them; their videos are made, and not as expected")
        again = "runs those again that made no video" if made else "runs them again"
        raise VstarError(said, hint=f"vstar status {shown} shows them; --retry-failed {again}")
    if not status.over:
        left = len(status.states) - counts["done"]
        raise VstarError(
            f"{left} of {len(status.states)} cells are not done",
            hint="the same command continues; a process may still be running",
        )


def _show(plan: SweepPlan, *, as_json: bool) -> None:
    cells = plan.sweep.cells
    if as_json:
        data = [{"id": cell.id, "title": cell.title, "set": dict(plan.sweep.overrides(cell))} for cell in cells]
        document_json({"directory": str(plan.sweep.directory), "executor": plan.executor.part, "cells": data}, indent=None)
        return
    sizes = " x ".join(f"{len(axis.values)} of {axis.name}" for axis in plan.sweep.axes)
    lines = [f"{len(cells):,} cells: {sizes}; all are valid, {plan.planned:,} were planned"]
    lines += [f"  {cell.id}  {cell.title}" for cell in cells[:_SHOWN]]
    lines += [f"  ... and {len(cells) - _SHOWN:,} more"] if len(cells) > _SHOWN else []
    lines.append(f"executor: {plan.executor.part}; directory: {plan.sweep.directory}")
    document("\n".join(lines) + "\n")


def _name(given: SpecArguments) -> str:
    """The name of the sweep directory of a spec."""
    if given.source is None or given.source == STDIN or is_prompt(given.source):
        words = re.findall(r"[a-z0-9]+", (given.prompt or given.source or "").lower())[:5]
        return "-".join(words) or "sweep"
    return Path(given.source).stem
