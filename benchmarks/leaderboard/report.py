"""``docs/leaderboard.md``, made from the records alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.leaderboard.entries import read_entries
from benchmarks.leaderboard.lengths import LENGTHS, Length
from benchmarks.leaderboard.records import Record, current, read
from vstar_sdk.metrics.intervals import Interval, interval
from vstar_sdk.scoring.comparison import Numbers, Row, compare
from vstar_sdk.scoring.measures import MEASURES
from vstar_sdk.scoring.stories import STORIES, Story

PAGE = Path(__file__).parents[2] / "docs" / "leaderboard.md"

_GROUPS = {
    "The story": ("stage_error", "order", "moved", "scene", "colour"),
    "The picture": ("evolution", "flicker", "detail", "layout", "repetition"),
    "The camera, and attention": ("pan_speed", "pan_steady", "pan_side", "diagonalness"),
}
_PLACES = {"flicker": 4, "detail": 4, "pan_speed": 2}
_GLANCE = ("stage_error", "order", "flicker", "detail", "layout", "repetition")
_MOST = 5
"""Methods that are named at a glance, to either side."""
_WEAK = 20
"""Comparisons of which one differs by chance."""
_DIFFERENCE = re.compile(r"[+-][0-9.]+ \([+-][0-9.]+ to")

_HEAD = """\
# Leaderboard

Every method of the [longer-videos plugin](longvideo.md), TAR, relay and combinations, on the embedded models, whose truth is
known. `python -m benchmarks.leaderboard report` makes this page from the records in `benchmarks/results/leaderboard`, one line a
clip; `python -m benchmarks.leaderboard` makes the clips that have no record yet. [Scoring](scoring.md) says what is measured,
scores a method of your own, and how one joins.

The first row of a table has the values of VSP, the model alone that is told by key states. All other rows are differences from
it (or from the row that they name), paired by story and seed, with 95 % bootstrap intervals of the pairs. **Bold**: the interval
does not contain 0. {chance} An arrow in the head is the better direction; where there is none, that depends on what is wanted.
What holds in this world, which these models were trained on, need not hold for others. A row needs all clips of its length; clips
of further stories count where both rows have them.

The specs of all rows are in `benchmarks/leaderboard/entries/vstar.yaml`. *TAR* has the model's defaults: `max` at strength 1 on
miniworld, `spread` at 0.5 on miniworld-dit; rows that write the same out show the same clips. *TAR 1, 8* has a sigma of 1 at
level 0 and of 8 at level 1.
"""


def write_page(records: Path, page: Path = PAGE) -> str:
    """Write the page.

    Returns:
        What was done, in a line.
    """
    text = page_of(records)
    page.write_text(text, encoding="utf-8")
    return f"{page} is written"


def page_of(folder: Path) -> str:
    """The page of a folder of records."""
    files = sorted(folder.glob("*.jsonl"), key=lambda path: (path.stem.rpartition("-")[0], int(path.stem.rpartition("-")[2])))
    sections = [section for path in files if (section := _section(read(path)))]
    compared = sum(len(_DIFFERENCE.findall(section)) for section in sections)
    chance = (
        f"Of the {compared:,} intervals on this page, about {compared / _WEAK:.0f} are bold by chance alone." if compared else ""
    )
    return "\n".join([_HEAD.format(chance=chance), *(sections or ["There are no records yet.\n"])])


def _section(records: Sequence[Record]) -> str:
    """The tables of a model at a length."""
    entries = current(records)
    model, length = records[0]["model"], LENGTHS[records[0]["frames"]]
    kinds = {story.kind for story in length.stories}
    clips = {
        name: {_key(one): _numbers(one) for one in some if one.get("kind") in kinds and "refused" not in one}
        for name, some in entries.items()
    }
    refused = {name: some[-1]["refused"] for name, some in entries.items() if "refused" in some[-1]}
    against = {name: some[-1]["against"] for name, some in entries.items()}
    enough = [name for name in entries if name not in refused and _seeds(clips[name], length) >= length.seeds]
    lines = [f"## {model}, {records[0]['frames']} frames\n", _told(model, length)]
    base = enough[0] if enough and against[enough[0]] == enough[0] else None
    if base is not None:
        rows = {name: compare(clips[name], clips[against[name]]) for name in enough[1:] if against[name] in enough}
        lines += ["### At a glance\n", _glance(base, {name: row for name, row in rows.items() if against[name] == base}), ""]
        for title, names in _GROUPS.items():
            if any(name in clip for clip in clips[base].values() for name in names):
                lines += [f"### {title}\n", _table(names, base, clips[base], rows, against), ""]
    missing = [name for name in entries if name not in refused and name not in enough]
    if missing:
        lines.append(f"Too few clips yet: {'; '.join(missing)}.\n")
    if left := [entry.name for entry in read_entries() if entry.name not in entries]:
        lines.append(f"No clips yet: {'; '.join(left)}.\n")
    if refused:
        whys = {why: [name for name, other in refused.items() if other == why] for why in refused.values()}
        lines += ["Not on this model at this length:\n", *(f"- {'; '.join(names)}: `{why}`" for why, names in whys.items()), ""]
    return "\n".join(lines)


def _glance(base: str, rows: Mapping[str, Sequence[Row]]) -> str:
    """Which methods are better and worse than the first row, the furthest first."""
    lines = [f"|  | better than {base} | worse |", "| --- | --- | --- |"]
    for number in _GLANCE:
        found = [(name, row) for name, row in rows.items() for row in row if row.measure.name == number]
        found.sort(key=lambda one: -abs(one[1].difference.mean))
        if found:
            places = _places(number)
            told = [(name, row) for name, row in found if round(row.difference.mean, places)]
            sides = [[(name, row.difference.mean) for name, row in told if row.verdict == side] for side in ("better", "worse")]
            lines.append(f"| `{number}` | {' | '.join(_named(side, places) for side in sides)} |")
    return "\n".join(lines)


def _named(found: Sequence[tuple[str, float]], places: int) -> str:
    named = "; ".join(f"{name} ({mean:+.{places}f})" for name, mean in found[:_MOST])
    return f"{named}; and {len(found) - _MOST} more" if len(found) > _MOST else named or "none"


def _table(
    names: Sequence[str],
    base: str,
    clips: Numbers,
    rows: Mapping[str, Sequence[Row]],
    against: Mapping[str, str],
) -> str:
    shown = [measure for measure in MEASURES if measure.name in names and any(measure.name in clip for clip in clips.values())]
    arrows = {"higher": " ↑", "lower": " ↓", None: ""}
    head = ["", *(f"`{measure.name}`{arrows[measure.better]}" for measure in shown), "pairs"]
    own = [interval([clip[one.name] for clip in clips.values() if one.name in clip]) for one in shown]
    table = [[base, *(_value(value, _places(one.name)) for value, one in zip(own, shown, strict=True)), _pairs(own)]]
    for name, compared in rows.items():
        by_name = {row.measure.name: row.difference for row in compared}
        found = [by_name.get(one.name) for one in shown]
        label = name if against[name] == base else f"{name} (from {against[name]})"
        cells = [_cell(value, _places(one.name)) for value, one in zip(found, shown, strict=True)]
        table.append([label, *cells, _pairs([value for value in found if value])])
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---", *["---:"] * (len(head) - 1)], *table])


def _value(value: Interval, places: int) -> str:
    return f"{value.mean:.{places}f} [{value.low:.{places}f} to {value.high:.{places}f}]"


def _cell(value: Interval | None, places: int) -> str:
    if value is None:
        return ""
    if value.low == value.high == 0:
        return "0"
    text = f"{value.mean:+.{places}f} ({value.low:+.{places}f} to {value.high:+.{places}f})"
    return text if value.holds_zero else f"**{text}**"


def _pairs(values: Sequence[Interval]) -> str:
    """How many there are, from the fewest to the most."""
    counts = sorted({value.n for value in values})
    return "" if not counts else str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _places(name: str) -> int:
    return _PLACES.get(name, 3)


def _key(record: Record) -> tuple[str, int]:
    return Story(record["family"], record["kind"]).name, record["seed"]


def _numbers(record: Record) -> dict[str, float]:
    return {measure.name: record[measure.name] for measure in MEASURES if measure.name in record}


def _told(model: str, length: Length) -> str:
    """What the clips are, in a sentence."""
    stories = ", ".join(STORIES[family].replace("{colour} ", "") for family in length.families)
    how = f"`{'`, `'.join(length.overrides(model))}`" if length.steps else "the sampling that is the model's default"
    return f"Told are: {stories}; {length.seeds} seeds of each, with {how}.\n"


def _seeds(clips: Numbers, length: Length) -> int:
    """Of how many seeds there is every story of a length."""
    return sum(all((story.name, seed) in clips for story in length.stories) for seed in {seed for _, seed in clips})
