"""Scores as text: a table of at most 80 columns."""

from __future__ import annotations

import textwrap

from vstar_sdk.metrics.intervals import Interval
from vstar_sdk.scoring.comparison import Row
from vstar_sdk.scoring.score import Score

WIDTH = 80
"""Columns."""

_LEAST_WITH_INTERVAL = 3
"""Pairs of the smallest interval that is shown."""


def table(score: Score) -> str:
    """What is compared, the numbers of both sides, and what may be said of them."""
    lines = [*_wrapped(score.title), ""]
    lines.append(f"{'number':12} {'part':>8} {'against':>8}  {'difference (95 % interval)':33} {'verdict':7} {'pairs':>5}")
    lines += [_line(row) for row in score.rows] or ["nothing was measured on both sides"]
    lines.append("")
    if score.left_out:
        lines += _wrapped("Left out: " + "; ".join(f"{name} ({why})" for name, why in score.left_out.items()) + ".")
    for note in score.notes:
        lines += _wrapped(note)
    return "\n".join(lines) + "\n"


def difference(of: Interval) -> str:
    """``-0.0028 (-0.0051 to -0.0004)``; without an interval where there are fewer than three pairs."""
    mean = f"{short(of.mean, signed=True)}"
    return mean if of.n < _LEAST_WITH_INTERVAL else f"{mean} ({short(of.low, signed=True)} to {short(of.high, signed=True)})"


def _line(row: Row) -> str:
    numbers = f"{short(row.value.mean):>8} {short(row.against.mean):>8}"
    return f"{row.measure.name:12} {numbers}  {difference(row.difference):33} {row.verdict:7} {row.difference.n:>5}"


def short(value: float, *, signed: bool = False) -> str:
    """Four decimals, fewer before a large number."""
    places = 4 if abs(value) < 10 else 2
    return f"{value:{'+' if signed else ''}.{places}f}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")
