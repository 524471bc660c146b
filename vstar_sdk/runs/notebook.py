"""How a result looks in a notebook: its video, its states, and how it was made."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

LARGEST = 16 << 20
"""Bytes of the largest video that is put into a page; notebooks keep it in their file."""

_CELL = "padding:2px 12px 2px 0;text-align:left;vertical-align:top"


def page(
    *,
    title: str,
    artifacts: Sequence[Path],
    save: Callable[[Path], object],
    states: Sequence[tuple[int, int, str]],
    notes: Sequence[str],
    warnings: Sequence[str],
) -> str:
    """An HTML fragment without scripts or links to elsewhere.

    Args:
        title: above the video.
        artifacts: of the run; its MP4 is shown if there is one.
        save: writes the video to a path, where no artifact is an MP4.
        states: first and last frame that each key state rules, and its caption.
        notes: how it was made, in short phrases.
        warnings: what the user should know.
    """
    rows = "".join(
        f'<tr><td style="{_CELL};white-space:nowrap">frames {first}-{last}</td><td style="{_CELL}">{escape(caption)}</td></tr>'
        for first, last, caption in states
    )
    told = "".join(f"<p>Warning: {escape(one)}</p>" for one in warnings)
    return (
        f'<figure style="margin:0"><figcaption style="font-weight:600;margin-bottom:6px">{escape(title)}</figcaption>'
        f'{_video(artifacts, save)}<table style="border-collapse:collapse;margin:6px 0"><tbody>{rows}</tbody></table>'
        f'{told}<p style="opacity:.7;margin:0">{escape(" · ".join(notes))}</p></figure>'
    )


def _video(artifacts: Sequence[Path], save: Callable[[Path], object]) -> str:
    """The video itself inside the page, or where it is if it is too large for one."""
    made = next((path for path in artifacts if path.suffix == ".mp4" and path.is_file()), None)
    if made is not None and made.stat().st_size > LARGEST:
        return f"<p>The video is too large for a notebook: {escape(str(made))}</p>"
    if made is not None:
        content = made.read_bytes()
    else:
        with tempfile.TemporaryDirectory(prefix="vstar-") as folder:
            save(path := Path(folder) / "video.mp4")
            content = path.read_bytes()
    if len(content) > LARGEST:
        return "<p>The video is too large for a notebook: write it with <code>result.save('video.mp4')</code>.</p>"
    data = base64.b64encode(content).decode("ascii")
    return (
        '<video controls loop muted autoplay playsinline style="max-width:100%;max-height:420px;display:block" '
        f'src="data:video/mp4;base64,{data}"></video>'
    )
