"""Tables and pictures of ``docs/miniworld.md``, made from the records."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.nursing.conditions import PAN_VARIANTS, PANS, STORIES, VARIANTS, Run
from benchmarks.nursing.measure import read_records
from vstar_sdk.metrics.intervals import interval
from vstar_sdk.miniworld.judge import judge
from vstar_sdk.miniworld.parts import WEIGHTS
from vstar_sdk.scoring.stories import Telling

DOCS = Path(__file__).parents[2] / "docs"
Record = dict[str, Any]


def report(folder: Path) -> None:
    """Fill the marked places of ``docs/miniworld.md`` and write its pictures."""
    records = read_records(folder)
    page = DOCS / "miniworld.md"
    fill(
        page,
        {
            "stories": f"{stories(records)}\n\n{less_than_half(records)}",
            "regularizers": "\n\n".join(against_vsp(records, frames) for frames in (64, 16)),
            "uniform": uniform(records),
            "pans": pans(records),
        },
    )
    fill(WEIGHTS / "README.md", {"card": card(records)})
    picture(folder, "story", list(STORIES), ["plain", "VSP"], 64, DOCS / "images" / "miniworld-stories.png")
    chosen = ["landscape", "submarine", "train", "city"]
    modes = ["VSP", "VSP + uniform", "VSP + identity", "VSP + TAR 4"]
    picture(folder, "story", chosen, modes, 16, DOCS / "images" / "miniworld-attention.png")
    picture(folder, "pan", list(PANS), ["plain", "TAR 4", "uniform"], 64, DOCS / "images" / "miniworld-pans.png")
    print(f"{len(records)} records; {page} and its pictures are written")


def fill(page: Path, tables: dict[str, str]) -> None:
    """Put tables between the marks of a page; AssertionError where a mark is missing."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        marked = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        text, count = marked.subn(lambda found, table=table: f"{found[1]}\n{table}\n\n{found[2]}", text)
        assert count == 1, name
    page.write_text(text, encoding="utf-8")


def _select(records: list[Record], **wanted: Any) -> list[Record]:
    return [record for record in records if all(record[name] == value for name, value in wanted.items())]


def _mean(records: list[Record], name: str) -> float:
    return float(np.mean([record[name] for record in records]))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def stories(records: list[Record]) -> str:
    """Every family at 64 frames: the prompt alone and its synopsis."""
    rows: list[list[str]] = []
    for family in STORIES:
        plain = _select(records, kind="story", family=family, variant="plain", frames=64)
        told = _select(records, kind="story", family=family, variant="VSP", frames=64)
        if not plain or not told:
            continue
        error = interval([record["error"] for record in told])
        moved, moved_plain = (float(np.mean([abs(record["moved"]) for record in side])) for side in (told, plain))
        colour = f"{sum(record['colour'] for record in told):.0f} of {len(told)}" if "colour" in told[0] else ""
        rows.append(
            [
                family,
                f"{_mean(plain, 'error'):.3f}",
                f"**{error.mean:.3f}** ({error.low:.3f} to {error.high:.3f})",
                f"{_mean(told, 'first'):.3f}, {_mean(told, 'last'):.3f}",
                f"{moved_plain:.2f}, {moved:.2f}",
                f"{_mean(plain, 'order'):.2f}, {_mean(told, 'order'):.2f}",
                f"{_mean(told, 'scene'):.2f}",
                colour,
                f"{judge().error[family]:.3f}",
            ]
        )
    head = (
        *("family", "error, prompt alone", "error with VSP", "of the first and last frames", "way moved: alone, VSP"),
        *("order: alone, VSP", "scene right", "colour right", "judge's error"),
    )
    return _table(head, rows)


def card(records: list[Record]) -> str:
    """The model card's table: stage errors of every family at 64 frames."""
    rows: list[list[str]] = []
    for family in STORIES:
        plain, told = (_select(records, kind="story", family=family, variant=v, frames=64) for v in ("plain", "VSP"))
        rows.append([family, f"{_mean(told, 'error'):.3f}", f"{_mean(plain, 'error'):.3f}", f"{judge().error[family]:.3f}"])
    return _table(("family", "stage error with a synopsis", "with the prompt alone", "the judge's own error"), rows)


def less_than_half(records: list[Record]) -> str:
    """In how many pairs the prompt alone moves less than half as far as the synopsis."""
    sides = [_select(records, kind="story", variant=variant, frames=64) for variant in ("plain", "VSP")]
    alone, told = ({(r["family"], r["seed"]): abs(r["moved"]) for r in side} for side in sides)
    pairs = [pair for pair in alone if pair in told]
    less = sum(alone[pair] < told[pair] / 2 for pair in pairs)
    return f"The prompt alone moves less than half as far as its synopsis in {less} of {len(pairs)} pairs of the same seed."


def _differences(records: list[Record], kind: str, variant: str, base: str, frames: int, name: str) -> list[float]:
    """Paired by story and seed."""
    ours = {(r["family"], r["seed"]): r[name] for r in _select(records, kind=kind, variant=variant, frames=frames)}
    theirs = {(r["family"], r["seed"]): r[name] for r in _select(records, kind=kind, variant=base, frames=frames)}
    return [value - theirs[pair] for pair, value in ours.items() if pair in theirs]


def _difference(values: list[float], digits: int) -> str:
    found = interval(values)
    text = f"{found.mean:+.{digits}f} ({found.low:+.{digits}f} to {found.high:+.{digits}f})"
    return text if found.holds_zero else f"**{text}**"


def against_vsp(records: list[Record], frames: int) -> str:
    """What each regularizer changes, compared with VSP alone, over all stories and seeds."""
    columns = (("error", 3), ("order", 3), ("evolution", 1), ("flicker", 2), ("detail", 2))
    base = _select(records, kind="story", variant="VSP", frames=frames)
    rows = [
        [
            f"VSP alone, {frames} frames",
            *(f"{_mean(base, name):.{digits}f}" for name, digits in columns),
            *_maps(base),
            str(len(base)),
        ]
    ]
    for variant in VARIANTS:
        if not variant.startswith("VSP +"):
            continue
        mine = _select(records, kind="story", variant=variant, frames=frames)
        if len(mine) < len(base):
            continue  # not measured to the end yet
        changes = [_differences(records, "story", variant, "VSP", frames, name) for name, _ in columns]
        cells = [_difference(values, digits) for values, (_, digits) in zip(changes, columns, strict=True)]
        rows.append([variant.removeprefix("VSP "), *cells, *_maps(mine), str(len(changes[0]))])
    alone = _differences(records, "story", "TAR 4", "plain", frames, "error")
    if alone:
        changes = [_differences(records, "story", "TAR 4", "plain", frames, name) for name, _ in columns]
        cells = [_difference(values, digits) for values, (_, digits) in zip(changes, columns, strict=True)]
        mine = _select(records, kind="story", variant="TAR 4", frames=frames)
        rows.append(["TAR 4 without VSP, against the prompt alone", *cells, *_maps(mine), str(len(alone))])
    head = ("", "stage error", "order", "evolution", "flicker", "detail", "mass near the diagonal", "entropy", "pairs")
    return _table(head, rows)


def _maps(records: list[Record]) -> list[str]:
    return [f"{_mean(records, 'near'):.2f}", f"{_mean(records, 'entropy'):.3f}"]


def uniform(records: list[Record]) -> str:
    """At 16 frames, family by family: trained temporal attention and uniform."""
    rows: list[list[str]] = []
    for family in STORIES:
        sides = [_select(records, kind="story", family=family, variant=v, frames=16) for v in ("VSP", "VSP + uniform")]
        if not all(sides):
            continue
        cells = [", ".join(f"{_mean(side, name):.{digits}f}" for side in sides) for name, digits in _UNIFORM]
        rows.append([family, *cells])
    return _table(("family: trained, uniform", *(name for name, _ in _UNIFORM)), rows)


_UNIFORM = (("error", 3), ("order", 2), ("evolution", 1), ("flicker", 1), ("detail", 1))


def pans(records: list[Record]) -> str:
    """The moving camera at 64 frames."""
    rows: list[list[str]] = []
    for variant in PAN_VARIANTS:
        mine = _select(records, kind="pan", variant=variant)
        if not mine or len(mine) < len(_select(records, kind="pan", variant="plain")):
            continue  # not measured to the end yet
        change = _differences(records, "pan", variant, "plain", 64, "steady")
        detail = _differences(records, "pan", variant, "plain", 64, "detail")
        numbers = [f"{_mean(mine, name):.{digits}f}" for name, digits in (("speed", 1), ("right", 2), ("steady", 2))]
        changes = [_difference(change, 3), _difference(detail, 2)] if variant != "plain" else ["", ""]
        rows.append([variant, *numbers, *changes, str(len(mine))])
    return _table(("", "speed", "right side", "steady", "change of steady", "change of detail", "clips"), rows)


def picture(folder: Path, kind: Telling, families: list[str], variants: list[str], frames: int, path: Path) -> None:
    """Rows of kept frames of the first seed: families, and under each its variants."""
    zoom, gap, label = 112, 4, 26
    font = ImageFont.load_default(15)
    rows: list[tuple[str, Any]] = []
    for family in families:
        for variant in variants:
            file = folder / f"{kind}-{family}-{variant.replace(' ', '')}-{frames}.npy"
            if file.exists():
                rows.append((f"{_name(variant)}: {Run(kind, family, variant, frames, 0).prompt}", np.load(file)))
    if not rows:
        return
    columns = len(rows[0][1])
    sheet = Image.new("RGB", (columns * (zoom + gap) + gap, len(rows) * (zoom + label)), "white")
    draw: Callable[..., Any] = ImageDraw.Draw(sheet).text
    for place, (text, kept) in enumerate(rows):
        top = place * (zoom + label)
        draw((gap, top + 5), text, fill="black", font=font)
        for column, frame in enumerate(kept):
            tile = Image.fromarray(frame).resize((zoom, zoom), Image.Resampling.BICUBIC)
            sheet.paste(tile, (gap + column * (zoom + gap), top + label))
    sheet.save(path, optimize=True)


def _name(variant: str) -> str:
    return {"plain": "the prompt alone"}.get(variant, variant)
