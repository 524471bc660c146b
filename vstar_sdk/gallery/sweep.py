"""The page of a sweep: its finished cells side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vstar_sdk.errors import OutputError
from vstar_sdk.gallery.clips import Shown, read_clip
from vstar_sdk.gallery.page import page
from vstar_sdk.output.whole import write_whole
from vstar_sdk.sweeps.index import CELLS, INDEX, PAGE, Sweep
from vstar_sdk.sweeps.status import state_of

MOST = 400
"""Clips of the largest page: a browser keeps a video element for each."""


def is_sweep(directory: Path) -> bool:
    """Whether a directory is a sweep's."""
    return (directory / INDEX).is_file()


def sweep_clips(sweep: Sweep) -> list[Shown]:
    """The finished cells that have a video, by the titles that they have in the index."""
    clips: list[Shown] = []
    for cell in sweep.cells:
        directory = sweep.directory / CELLS / cell.id
        if (directory / "manifest.json").is_file() and any(directory.glob("*.mp4")):
            name = f"{cell.id}: {cell.title}" if cell.title else cell.id
            not_so = " (not as expected)" if state_of(directory) == "failed" else ""
            clips.append(replace(read_clip(directory), name=name + not_so))
    return clips


def write_page(sweep: Sweep, names: Sequence[str] | None = None) -> Path | None:
    """Write the page into the sweep directory; the one before is replaced.

    Args:
        sweep: with finished cells.
        names: what to call the clips, in their order; None: by the titles of their cells.

    Returns:
        The page; None without a video, or with more than `MOST`.

    Raises:
        OutputError: it cannot be written.
    """
    clips = sweep_clips(sweep)
    if not 1 <= len(clips) <= MOST:
        return None
    if names is not None:
        clips = [replace(clip, name=name) for clip, name in zip(clips, names, strict=True)]
    target = sweep.directory / PAGE
    try:
        write_whole(target, page(clips, str(clips[0].spec.get("prompt") or "A sweep"), sweep.directory).encode())
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror}") from error
    return target
