"""What the leaderboard's clips say of TAR: ``python -m benchmarks.findings`` fills the marked places of ``docs/findings.md``.

It makes nothing: it reads the records of ``python -m benchmarks.leaderboard``. Three questions:

*The diagonal.* Of every clip there is how diagonal its attention was, and what it shows. Clips of one story and seed differ by
their method alone, so that a number's place among them is compared: Spearman's correlation of the residuals from the mean of the
story and seed, over all methods that are told by key states. The second table has the clips of the plain model alone, whose
residuals are from the mean of the story: there, seeds differ. Intervals: 95 %, by bootstrap over stories and seeds.

*TAR itself*: with other statistics, at all lengths, without key states, and what it does to motion. Paired differences.

*The dial*: what is told by ``longvideo/speed``, at each of its settings.

The tables of `benchmarks.dial`, `benchmarks.speeds` and `benchmarks.wordings` are put into the page, too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.leaderboard.entries import BASE, read_entries
from benchmarks.leaderboard.records import RECORDS, Record, current, read
from benchmarks.nursing.report import fill
from vstar_sdk.metrics.intervals import interval

DOCS = Path(__file__).parents[1] / "docs"

SHOWN: Mapping[str, str] = {
    "stage_error": "error of the stage",
    "order": "order",
    "moved": "way moved in the story",
    "evolution": "last frame from the first",
    "flicker": "flicker",
    "layout": "layout",
    "detail": "detail",
}
"""What a clip shows, by the names of the records."""

FEWEST_METHODS, FEWEST_GROUPS, FEWEST_CLIPS = 8, 6, 10
"""Methods of one story and seed, stories and seeds, and clips of one method, without which there is no correlation."""

STATISTICS = ("TAR max", "TAR spread", "TAR mean", "TAR constant")
STRENGTHS = ("TAR at 0.5", "TAR at 1", "TAR at 2")
NUMBERS = ("stage_error", "order", "moved", "evolution", "flicker", "detail", "layout")
_PLACES = {"flicker": 4, "detail": 4}
SPEEDS = {"speed 0.5": 0.5, "speed 0.71": 0.71, BASE: 1.0, "speed 1.41": 1.41, "speed 2": 2.0}


@dataclass(frozen=True)
class Board:
    """The records of a model at a length, by entry."""

    model: str
    frames: int
    entries: Mapping[str, Sequence[Record]]

    @property
    def title(self) -> str:
        """Of its rows."""
        return f"{self.model}, {self.frames}"

    def clips(self, entry: str) -> dict[tuple[str, str, int], Record]:
        """The clips of an entry by story and seed."""
        return {group(one): one for one in self.entries.get(entry, ()) if "refused" not in one}


def group(record: Record) -> tuple[str, str, int]:
    """Story and seed of a clip."""
    return record["family"], record["kind"], record["seed"]


EXTREMES = {"identity", "uniform"}
"""Entries that the picture leaves out: beside them all others are one point."""


def boards(folder: Path = RECORDS) -> list[Board]:
    """All models and lengths, the shortest first."""
    found: list[Board] = []
    for path in folder.glob("*.jsonl"):
        if records := read(path):
            found.append(Board(records[0]["model"], records[0]["frames"], current(records)))
    return sorted(found, key=lambda board: (board.model, board.frames))


def residuals(clips: Sequence[Record], by: Callable[[Record], Any], number: str) -> dict[Any, NDArray[np.float64]]:
    """``(n, 2)`` for every group: diagonalness and a number, each less its mean in the group."""
    groups: dict[Any, list[tuple[float, float]]] = {}
    for clip in clips:
        if "diagonalness" in clip and number in clip:
            pair, others = (clip["diagonalness"], clip[number]), groups.setdefault(by(clip), [])
            if pair not in others:  # the same clip by another name counts once
                others.append(pair)
    return {name: np.array(pairs) - np.mean(pairs, axis=0) for name, pairs in groups.items()}


def rank_correlation(pairs: NDArray[np.float64]) -> float:
    """Spearman's; 0 where one side does not vary."""
    ranks = np.stack([_ranks(side) for side in pairs.T])
    return 0.0 if np.ptp(pairs, axis=0).min() == 0 else float(np.asarray(np.corrcoef(ranks))[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places from the least; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles: NDArray[np.float64] = (2 * ends - counts - 1) / 2
    return middles[inverse]


def correlation(groups: Sequence[NDArray[np.float64]], resamples: int = 1000) -> tuple[float, float, float]:
    """Spearman's over all groups, with its 95 % interval by resampling groups: low, value, high."""
    rng = np.random.default_rng(0)
    draws = [
        rank_correlation(np.concatenate([groups[at] for at in rng.integers(0, len(groups), len(groups))]))
        for _ in range(resamples)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), rank_correlation(np.concatenate(groups)), float(high)


def told_by_states() -> set[str]:
    """The entries that are told by key states, the world's own."""
    return {entry.name for entry in read_entries() if "synopsis" not in entry.spec}


def across_methods(board: Board, number: str) -> list[NDArray[np.float64]]:
    """Residuals of the clips of one story and seed, by all methods."""
    names = told_by_states()
    clips = [clip for entry in board.entries if entry in names for clip in board.clips(entry).values()]
    return [pairs for pairs in residuals(clips, group, number).values() if len(pairs) >= FEWEST_METHODS]


def across_seeds(board: Board, number: str) -> list[NDArray[np.float64]]:
    """Residuals of the plain model's clips from their story's mean: a group for each seed, so that seeds are drawn whole."""
    clips = [*board.clips(BASE).values()]
    if len(clips) < FEWEST_CLIPS:
        return []
    means = {story: pairs for story, pairs in residuals(clips, lambda clip: group(clip)[:2], number).items() if len(pairs) > 1}
    seeds = max((len(pairs) for pairs in means.values()), default=0)
    return [np.array([pairs[seed] for pairs in means.values() if seed < len(pairs)]) for seed in range(seeds)]


def diagonal(found: Sequence[Board], pick: Callable[[Board, str], list[NDArray[np.float64]]], fewest: int) -> str:
    """A row for each number, a column for each model and length that has enough clips."""
    enough = [board for board in found if len(pick(board, "flicker")) >= fewest]
    if not enough:
        return "Too few clips yet."
    rows: list[list[str]] = []
    for number, title in SHOWN.items():
        cells: list[str] = []
        for board in enough:
            groups = pick(board, number)
            differ = len(groups) >= fewest and np.ptp(np.concatenate(groups)[:, 1]) > 1e-9
            cells.append(_cell(*correlation(groups)) if differ else "")
        if any(cells):
            rows.append([title, *cells])
    return _table(["correlation with diagonalness", *(board.title for board in enough)], rows)


def differences(board: Board, entry: str, against: str, number: str) -> tuple[float, float, float] | None:
    """Of the clips that both have: low, mean, high; None without at least 6."""
    ours, theirs = board.clips(entry), board.clips(against)
    pairs = [ours[key][number] - theirs[key][number] for key in ours if number in ours[key] and number in theirs.get(key, {})]
    found = interval(pairs) if len(pairs) >= 6 else None
    return None if found is None else (found.low, found.mean, found.high)


def changes(found: Sequence[Board], rows: Sequence[tuple[str, str]]) -> str:
    """What entries change, against others, at each length; a row like the one before has the same clips, and is left out."""
    lines: list[list[str]] = []
    for board in found:
        before: list[str] = []
        for entry, against in rows:
            values = {number: differences(board, entry, against, number) for number in NUMBERS}
            cells = ["" if one is None else _cell(*one, places=_PLACES.get(number, 3)) for number, one in values.items()]
            if any(cells) and cells != before:
                lines.append([f"{board.title}: {entry} less {against}", *cells])
                before = cells
    return _table(["", *(f"`{number}`" for number in NUMBERS)], lines) if lines else "Too few clips yet."


def dial(found: Sequence[Board]) -> str:
    """Speeds told and shown: means, and how well they are ordered in each story and seed."""
    rows: list[list[str]] = []
    for board in found:
        for number in ("moved", "evolution"):
            sides = {factor: board.clips(entry) for entry, factor in SPEEDS.items()}
            keys = [key for key in sides[1.0] if all(number in side.get(key, {}) for side in sides.values())]
            if len(keys) < 6:
                continue
            means = [float(np.mean([side[key][number] for key in keys])) for side in sides.values()]
            factors = np.array([*sides])
            orders = [rank_correlation(np.array([factors, [side[key][number] for side in sides.values()]]).T) for key in keys]
            found_order = interval(orders)
            order = _cell(found_order.low, found_order.mean, found_order.high)
            rows.append([f"`{number}`, {board.title}", *(f"{mean:.3f}" for mean in means), order, f"{len(keys)}"])
    head = ["", *(f"{factor:g}" for factor in SPEEDS.values()), "rank correlation with the factor", "clips"]
    return _table(head, rows) if rows else "Too few clips yet."


def picture(found: Sequence[Board], path: Path) -> str:
    """Draw the means of the methods: diagonalness against error, evolution and flicker; the line that shows it, or ""."""
    names = told_by_states()
    shown = [board for board in found if len(across_methods(board, "flicker")) >= FEWEST_GROUPS]
    if not shown:
        return ""
    import matplotlib.pyplot as plt

    numbers = ("stage_error", "evolution", "flicker")
    figure, axes = plt.subplots(
        len(shown), len(numbers) + 1, figsize=(15, 4.2 * len(shown)), layout="constrained", squeeze=False, sharex=False
    )
    for board, (*row, words) in zip(shown, axes, strict=True):
        entries = [entry for entry in board.entries if entry in names - EXTREMES and board.clips(entry)]
        shared = set.intersection(*(set(board.clips(entry)) for entry in entries))
        colours = ["#c0504d" if entry.startswith("TAR") else "#222222" if entry == BASE else "#2f6fb0" for entry in entries]
        for number, axis in zip(numbers, row, strict=True):
            for place, (entry, colour) in enumerate(zip(entries, colours, strict=True), 1):
                clips = [clip for key, clip in board.clips(entry).items() if key in shared and number in clip]
                if clips:
                    x, y = (float(np.mean([clip[name] for clip in clips])) for name in ("diagonalness", number))
                    axis.scatter(x, y, s=150, color=colour, alpha=0.25, linewidths=0)
                    axis.annotate(f"{place}", (x, y), ha="center", va="center", fontsize=7, color=colour)
            axis.set_title(f"{board.title} frames: {SHOWN[number]}", fontsize=10)
            axis.set_xlabel("diagonalness")
            axis.spines[["top", "right"]].set_visible(False)
        words.axis("off")
        for place, (entry, colour) in enumerate(zip(entries, colours, strict=True), 1):
            at = (place - 1) / max(len(entries), 16)
            words.text(0, 1 - at, f"{place}  {entry}", color=colour, fontsize=7.5, va="top", transform=words.transAxes)
    figure.savefig(path, dpi=110)
    return f"![Methods without identity and uniform: diagonalness against error, evolution and flicker](images/{path.name})"


def _cell(low: float, value: float, high: float, places: int = 3) -> str:
    text = f"{value:+.{places}f} ({low:+.{places}f} to {high:+.{places}f})"
    return text if low <= 0 <= high else f"**{text}**"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---", *["---:"] * (len(head) - 1)], *rows])


def tables(folder: Path = RECORDS) -> dict[str, str]:
    """What stands between the marks of the page."""
    found = boards(folder)
    return {
        "methods": diagonal(found, across_methods, FEWEST_GROUPS),
        "seeds": diagonal(found, across_seeds, 3),
        "statistics": changes(found, [(entry, BASE) for entry in STATISTICS]),
        "strengths": changes(found, [(entry, BASE) for entry in STRENGTHS]),
        "alone": changes(found, [(f"one prompt + {entry}", "one prompt") for entry in ("TAR", "TAR spread")]),
        "dial": dial(found),
    }


def main() -> None:
    """Draw the picture and fill the page."""
    argparse.ArgumentParser(prog="python -m benchmarks.findings", description=__doc__).parse_args()
    from benchmarks import dial as pacing
    from benchmarks import speeds, wordings

    none, drawn = "Too few clips yet.", picture(boards(), DOCS / "images" / "findings-diagonal.png")
    others = {"picture": drawn, "pacing": pacing.report(), "speeds": speeds.report(), "wordings": wordings.report()}
    others = {name: text or none for name, text in others.items()}
    fill(DOCS / "findings.md", tables() | others)
    print(f"{DOCS / 'findings.md'} is written")


if __name__ == "__main__":
    main()
