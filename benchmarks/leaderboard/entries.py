"""What is on the leaderboard: every file of the folder ``entries``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.leaderboard.lengths import LENGTHS
from vstar_sdk.reading.yaml_reader import read_yaml
from vstar_sdk.scoring.conditions import Condition, Setting
from vstar_sdk.scoring.fragments import Fragment, read_fragment

FOLDER = Path(__file__).parent / "entries"
BASE = "VSP"
"""The entry that others are compared with, where they name none."""


@dataclass(frozen=True)
class Entry:
    """A row of the leaderboard.

    Attributes:
        name: of the row.
        against: the entry that it is compared with.
        spec: keys of a spec.
    """

    name: str
    against: str = BASE
    spec: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def condition(self, model: str, frames: int) -> Condition:
        """The entry on a model at a length of `LENGTHS`."""
        setting = Setting(model, frames, overrides=LENGTHS[frames].overrides(model))
        return Condition(Fragment(self.name, read_fragment([self.spec]).data), setting)


def read_entries(folder: Path = FOLDER) -> list[Entry]:
    """The entries of all files, ours first.

    Raises:
        SpecError: a file is no YAML.
        ValueError: two entries have one name, or one is compared with none that there is.
    """
    entries: list[Entry] = []
    for path in sorted(folder.glob("*.yaml"), key=lambda path: (path.stem != "vstar", path.stem)):
        data: Any = read_yaml(path.read_text(encoding="utf-8"), path.name)[0]
        entries += [Entry(**one) for one in data["entries"]]
    names = [entry.name for entry in entries]
    for entry in entries:
        if names.count(entry.name) > 1 or entry.against not in names:
            raise ValueError(f"{entry.name}: there are two of that name, or no entry {entry.against!r}")
    return entries
