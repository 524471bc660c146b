"""The files of a finished job: only what its manifest lists can be asked for, by the name that stands there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vstar_sdk.reading.files import read_bounded
from vstar_sdk.runs.belongings import LATENTS, MANIFEST, SPEC, SYNOPSIS
from vstar_sdk.service.refusals import absent

_LARGEST = 64 << 20


def manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a run.

    Raises:
        Refusal: the run is not whole.
    """
    try:
        return json.loads(read_bounded(directory / MANIFEST, _LARGEST))
    except (OSError, ValueError):
        raise absent("finished run") from None


def names(directory: Path) -> list[str]:
    """Paths in the run directory that can be downloaded.

    Raises:
        Refusal: the run is not whole.
    """
    written = manifest(directory)
    listed = [entry["path"] for entry in (*written["artifacts"], *written["files"])]
    inside = [name for path in listed for name in _files(directory, path)]
    return [*inside, MANIFEST]


def file_named(directory: Path, name: str) -> Path:
    """A file to download.

    Raises:
        Refusal: the manifest lists none of this name.
    """
    if name not in names(directory):
        raise absent("file of this name")
    return directory / name


def video_of(directory: Path) -> Path:
    """The first MP4 of a run.

    Raises:
        Refusal: it has none.
    """
    for name in names(directory):
        if name.endswith(".mp4"):
            return directory / name
    raise absent("MP4 of this video")


def sheet_of(directory: Path) -> Path:
    """The first picture of a run.

    Raises:
        Refusal: it has none.
    """
    for name in names(directory):
        if name.endswith(".png") and name not in (SPEC, SYNOPSIS, LATENTS):
            return directory / name
    raise absent("contact sheet of this video")


def _files(directory: Path, path: str) -> list[str]:
    """A listed file, or the files in a listed folder."""
    there = directory / path
    if not there.is_dir():
        return [path]
    return sorted(f"{path}/{inside.name}" for inside in there.iterdir() if inside.is_file() and not inside.is_symlink())
