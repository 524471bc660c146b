"""A picture of a run for an agent to look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk.runs.belongings import MANIFEST
from vstar_sdk.service.pictures import first_frame_jpeg, preview_jpeg

if TYPE_CHECKING:
    from vstar_sdk.agents.watched import Watched

LARGEST = 4 << 20
"""Bytes of the largest picture that is sent as it is."""


def picture_of(directory: Path, watched: Watched | None) -> tuple[bytes, str] | None:
    """A picture and its format: of a finished run the contact sheet or the first frame, of one under way its preview.

    Args:
        directory: of the run.
        watched: the run, if it is of this process.
    """
    if (directory / MANIFEST).is_file():
        names = [str(one["path"]) for one in json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["artifacts"]]
        for name in names:
            if name.endswith(".png") and (directory / name).is_file() and (directory / name).stat().st_size <= LARGEST:
                return (directory / name).read_bytes(), "png"
        videos = [name for name in names if name.endswith(".mp4")]
        return (first_frame_jpeg(directory / videos[0]), "jpeg") if videos else None
    if watched is None or watched.preview is None:
        return None
    return preview_jpeg(watched.preview, None)[0], "jpeg"
