"""``vstar redo`` and ``vstar extend``: work on a finished run, in a run directory of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from vstar_sdk.cli.arguments import guarded_option
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.making import Making, making_options
from vstar_sdk.runs.naming import directory_beside
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.reworking import extended, redone
from vstar_sdk.spec.defaults import own_guard
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.loading import load_spec

_OUT = "The run directory. Default: a new one next to RUN."

_unchecked = click.option("--no-expect", is_flag=True, help="Do not check the new video against the 'expect' of RUN's spec.")


@click.command(cls=Command)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--state", type=click.IntRange(1), required=True, metavar="N", help="The state to regenerate, from 1.")
@click.option("--caption", metavar="TEXT", help="A new caption for it.")
@click.option("--seed", type=int, help="Seed of the new frames. Default: the run's with a new caption, else the next one.")
@_unchecked
@making_options(_OUT)
@guarded_option()
def redo(run: Path, state: int, caption: str | None, seed: int | None, no_expect: bool, making: Making, guarded: bool) -> None:
    """Regenerate one state of a finished run, and keep the rest.

    The frames of that state are generated again; all other frames stay unchanged. RUN is not changed: the new video gets its
    own run directory, whose manifest names RUN as its parent. --dry-run shows which frames change.
    """
    guard = own_guard(wanted=guarded)
    _make(redone(run, state, caption=caption, seed=seed, guard=guard), run, making, guard, no_expect)


@click.command(cls=Command)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--by", required=True, metavar="LENGTH", help="How much longer: frames (32), seconds (4s), or a share (50%).")
@click.option(
    "--state",
    "states",
    multiple=True,
    metavar="TEXT",
    help="Caption of a new state. May be repeated. Default: the last state continues.",
)
@click.option("--seed", type=int, help="Seed of the new frames. Default: the run's.")
@_unchecked
@making_options(_OUT)
@guarded_option()
def extend(run: Path, by: str, states: tuple[str, ...], seed: int | None, no_expect: bool, making: Making, guarded: bool) -> None:
    """Extend a finished run at its end.

    All frames of RUN stay unchanged, and new ones are added. The new states are spaced evenly over the new frames, the last at
    the end. RUN is not changed: the new video gets its own run directory, whose manifest names RUN as its parent.
    """
    guard = own_guard(wanted=guarded)
    _make(extended(run, by, states, seed=seed, guard=guard), run, making, guard, no_expect)


def _make(spec: Mapping[str, Any], run: Path, making: Making, guard: Guard | None, no_expect: bool) -> None:
    without: dict[str, Any] = {"expect": {}} if no_expect else {}
    making.make(make_plan(load_spec({**spec, **without}, guard=guard)), run.parent, lambda: directory_beside(run))
