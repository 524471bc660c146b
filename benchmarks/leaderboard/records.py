"""The records: one line of JSON a clip, one file for each model and length."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vstar_sdk.scoring.conditions import Condition
from vstar_sdk.scoring.measures import MEASURES

RECORDS = Path(__file__).parents[1] / "results" / "leaderboard"

Record = Mapping[str, Any]
"""``entry``, ``against``, ``model``, ``frames``, ``family``, ``kind``, ``seed``, ``spec`` and numbers; or ``refused``: why."""

NAMES = tuple(measure.name for measure in MEASURES)


def file_of(folder: Path, model: str, frames: int) -> Path:
    """Where the records of a model at a length are."""
    return folder / f"{model.replace('/', '-')}-{frames}.jsonl"


def read(path: Path) -> list[Record]:
    """The records of a file, the last of each clip; a line that a stop has cut is passed over."""
    found: dict[tuple[Any, ...], Record] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[record["entry"], record["spec"], record.get("family"), record.get("kind"), record.get("seed")] = record
    return list(found.values())


def write(path: Path, record: Record) -> None:
    """Append a record; one that a stop has cut is ended first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cut = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if cut else "") + json.dumps(record, ensure_ascii=False) + "\n")


def fingerprint(condition: Condition) -> str:
    """What the clips of an entry are made from: its spec, and the model's weights. 16 digits."""
    weights = next((dict(one.weights) for one in condition.measured.values() if one.refused is None), None)
    whole = json.dumps([condition.spec, weights], sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def current(records: Iterable[Record]) -> dict[str, list[Record]]:
    """The clips of each entry as it was last made, by its name, in the order of the first records; those refused are left out."""
    by_entry: dict[str, list[Record]] = {}
    for record in records:
        by_entry.setdefault(record["entry"], []).append(record)
    last = {entry: some[-1]["spec"] for entry, some in by_entry.items()}
    return {entry: [one for one in some if one["spec"] == last[entry]] for entry, some in by_entry.items()}
