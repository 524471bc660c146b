"""One HTML page with clips that play together: no network, no other file unless the videos are large."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from vstar_sdk.gallery.axes import Table, axes_of, table_of
from vstar_sdk.gallery.clips import Shown
from vstar_sdk.gallery.rendering import render

_EMBEDDED = 48 << 20
"""Bytes of videos that a page holds itself; more are linked."""

_TEMPLATE = Path(__file__).with_name("page.html.jinja")


def page(clips: Sequence[Shown], title: str, folder: Path, *, about: str = "", tables: Sequence[Table] | None = None) -> str:
    """The page.

    Args:
        clips: at least one.
        title: its heading.
        folder: that it will stand in: where the videos are too large to be held, it links them from there.
        about: what is shown, said before how to play it.
        tables: above the clips, in the place of that of their metrics below them.

    Raises:
        OSError: a video cannot be read.
    """
    embed = sum(clip.video.stat().st_size for clip in clips) <= _EMBEDDED
    axes = axes_of(clips)
    cells = [
        {
            "name": clip.name,
            "source": _embedded(clip.video) if embed else quote(os.path.relpath(clip.video, folder)),
            "made": clip.made,
            "states": clip.states,
            "metrics": {name: f"{value:.4g}" for name, value in clip.metrics.items()},
            "shown": [axis.of[number] for axis in axes],
        }
        for number, clip in enumerate(clips)
    ]
    small = all(int((clip.spec.get("size") or [512])[0]) <= 128 for clip in clips)
    return render(
        _TEMPLATE,
        title=title,
        about=f"{about} {len(clips)} clips. They play together; drag the slider to hold them at one moment.".strip(),
        width=220 if small else 340,
        rendering="pixelated" if small else "auto",
        axes=axes,
        cells=cells,
        above=tables or [],
        below=[table for table in [table_of(clips, axes)] if table] if tables is None else [],
    )


def _embedded(video: Path) -> str:
    return f"data:video/mp4;base64,{base64.b64encode(video.read_bytes()).decode()}"
