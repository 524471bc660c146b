"""Scores as a page: the numbers, and the clips of both sides that play together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vstar_sdk.gallery.axes import Table
from vstar_sdk.gallery.clips import Shown, read_clip
from vstar_sdk.gallery.page import page
from vstar_sdk.gallery.sweep import MOST
from vstar_sdk.scoring.score import Score
from vstar_sdk.scoring.table import difference, short

_HEAD = ("number", "part", "against", "difference (95 % interval)", "verdict", "pairs", "what it is")
_WORDS = (0, 4, 6)


def score_page(scores: Sequence[Score], folder: Path) -> str:
    """The page of scores of one part.

    Args:
        scores: at least one, with finished clips.
        folder: that it will stand in.

    Raises:
        OSError: a video cannot be read.
    """
    shown = [clip for score in scores for clip in _shown(score)][:MOST]
    first = scores[0]
    return page(shown, f"{first.part} against {first.against}", folder, tables=[_table(score) for score in scores])


def _table(score: Score) -> Table:
    rows = [
        [
            row.measure.name,
            short(row.value.mean),
            short(row.against.mean),
            difference(row.difference),
            row.verdict,
            str(row.difference.n),
            row.measure.what + (f"; {row.measure.better} is better" if row.measure.better else ""),
        ]
        for row in score.rows
    ]
    left_out = [f"{name} is left out: {why}." for name, why in score.left_out.items()]
    title = f"{score.setting.model}, {score.setting.frames} frames"
    return Table(_HEAD, rows, [*score.notes, *left_out], title, _WORDS)


def _shown(score: Score) -> Iterator[Shown]:
    """The finished clips, those of both sides next to each other."""
    half = len(score.clips) // 2
    for pair in zip(score.clips[:half], score.clips[half:], strict=True):
        for clip, side in zip(pair, (score.part, score.against), strict=True):
            if clip.made:
                shown = read_clip(clip.directory)
                spec = {key: value for key, value in shown.spec.items() if key != "metrics"}
                yield replace(shown, name=f"{clip.story.name}, seed {clip.seed}: {side}", spec=spec)
