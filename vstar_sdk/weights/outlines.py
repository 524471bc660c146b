"""Configurations of released models that the package keeps, so that a run can be planned without their weights. No torch.

An outline is a JSON file in ``outlines/``: the hub id, the names of folders that are taken for this model, and the content of
its configuration files. It is used inside `outlined` only, so a run never starts from one.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "outlines"
MARK = "outline.json"
"""The file that a folder made from an outline has, and no model has."""


@dataclass
class Outlined:
    """The models that were planned from an outline: the reference of the spec, and the hub id."""

    root: Path
    used: dict[str, str] = field(default_factory=dict[str, str])

    def warnings(self) -> list[str]:
        """A sentence for each."""
        return [
            f"{reference} is not on this machine: planned from the configuration of {hub} that is part of vstar-sdk"
            for reference, hub in self.used.items()
        ]


_OPEN: ContextVar[Outlined | None] = ContextVar("outlined", default=None)


@contextmanager
def outlined() -> Generator[Outlined]:
    """Inside it a model that is not here is described by its outline, if there is one."""
    with tempfile.TemporaryDirectory(prefix="vstar-") as root:
        found = Outlined(Path(root))
        token = _OPEN.set(found)
        try:
            yield found
        finally:
            _OPEN.reset(token)


def outline(reference: str, patterns: Sequence[str]) -> Path | None:
    """A folder with the configuration files of a model that is not here.

    Args:
        reference: a path or a hub id; its last part is the model's name.
        patterns: of the files that are wanted; an outline has no weights.

    Returns:
        None outside of `outlined`, for files other than JSON, and for unknown models.
    """
    found = _OPEN.get()
    if found is None or not all(pattern.endswith(".json") for pattern in patterns):
        return None
    name = Path(reference).name
    kept = next((kept for kept in outlines() if name in kept["names"]), None)
    if kept is None:
        return None
    folder = found.root / name
    if not folder.exists():
        for file, content in {MARK: {"hub": kept["hub"]}, **kept["files"]}.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content), encoding="utf-8")
    found.used[reference] = kept["hub"]
    return folder


def is_outline(folder: Path) -> bool:
    """Whether a folder was made by `outline`."""
    return (folder / MARK).is_file()


def outlines() -> list[dict[str, Any]]:
    """All that are kept, in the order of their files: ``hub``, ``names`` and ``files``."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
