"""Numbers of both sides, paired by story and seed, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from vstar_sdk.metrics.intervals import Interval, interval
from vstar_sdk.scoring.measures import MEASURES, Measure

FEWEST = 6
"""Pairs from which on a difference may be a finding: fewer all fall to one side by chance in more than 1 of 20 cases."""

Key = tuple[str, int]
"""Story and seed."""

Verdict = Literal["better", "worse", "differs", ""]


@dataclass(frozen=True)
class Row:
    """One number on both sides.

    Attributes:
        measure: what it is.
        value: mean of the part's clips.
        against: mean of those of the other side, of the same stories and seeds.
        difference: of the pairs, the part's less the other's.
    """

    measure: Measure
    value: Interval
    against: Interval
    difference: Interval

    @property
    def verdict(self) -> Verdict:
        """Which way it differs; "" where the interval holds 0, or there are fewer than `FEWEST` pairs."""
        if self.difference.n < FEWEST or self.difference.holds_zero:
            return ""
        if self.measure.better is None:
            return "differs"
        return "better" if (self.difference.mean < 0) == (self.measure.better == "lower") else "worse"

    def json(self) -> dict[str, Any]:
        """As JSON data."""
        measure = self.measure
        return {
            "name": measure.name,
            "what": measure.what,
            "better": measure.better,
            "value": asdict(self.value),
            "against": asdict(self.against),
            "difference": asdict(self.difference),
            "verdict": self.verdict or None,
        }


Numbers = Mapping[Key, Mapping[str, float]]
"""What was measured, by story and seed."""


def compare(ours: Numbers, theirs: Numbers, measures: Sequence[Measure] = MEASURES) -> tuple[Row, ...]:
    """A row for every number that both sides have of at least one pair.

    Args:
        ours: of the part's clips.
        theirs: of the others'.
        measures: in the order of the rows.
    """
    rows: list[Row] = []
    for measure in measures:
        name = measure.name
        pairs = [key for key in ours if name in ours[key] and name in theirs.get(key, {})]
        if pairs:
            mine, other = ([side[key][name] for key in pairs] for side in (ours, theirs))
            differences = [a - b for a, b in zip(mine, other, strict=True)]
            rows.append(Row(measure, interval(mine), interval(other), interval(differences)))
    return tuple(rows)
