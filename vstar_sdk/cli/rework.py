"""``vstar redo`` and ``vstar extend``: work on a finished run, in a run directory of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.making import Making, making_options
from vstar_sdk.runs.naming import directory_beside
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.reworking import extended, redone
from vstar_sdk.spec.loading import load_spec

_OUT = "The run directory; a new one beside RUN unless named."


@click.command(cls=Command)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--state", type=click.IntRange(1), required=True, metavar="N", help="The state to make anew, from 1.")
@click.option("--caption", metavar="TEXT", help="Another caption for it.")
@click.option("--seed", type=int, help="Of the new frames. Left out: the run's where the caption is new, else the next one.")
@making_options(_OUT)
def redo(run: Path, state: int, caption: str | None, seed: int | None, making: Making) -> None:
    """Make one state of a finished run anew, and keep the rest.

    The frames that the state rules are made anew, between the frames before and after them, which stay as they are. RUN stays,
    too: the new video has a run directory of its own, and its manifest names RUN as its parent. --dry-run says which frames
    change.
    """
    _make(redone(run, state, caption=caption, seed=seed), run, making)


@click.command(cls=Command)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--by", required=True, metavar="LENGTH", help="How much longer: frames (32), seconds (4s), or a share (50%).")
@click.option(
    "--state", "states", multiple=True, metavar="TEXT", help="Caption of a new state. May be repeated. Without, the last goes on."
)
@click.option("--seed", type=int, help="Of the new frames. Left out: the run's.")
@making_options(_OUT)
def extend(run: Path, by: str, states: tuple[str, ...], seed: int | None, making: Making) -> None:
    """Go on from the end of a finished run.

    All of its frames stay as they are, and new ones follow. The new states are spaced evenly over them, the last at the end. RUN
    stays: the new video has a run directory of its own, and its manifest names RUN as its parent.
    """
    _make(extended(run, by, states, seed=seed), run, making)


def _make(spec: Mapping[str, Any], run: Path, making: Making) -> None:
    making.make(make_plan(load_spec(spec)), lambda: directory_beside(run))
