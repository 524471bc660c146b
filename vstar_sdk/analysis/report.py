"""Maps as files: pictures, JSON, all heads as tensors, and one page that holds the pictures."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import save  # pyright: ignore[reportUnknownVariableType]

from vstar_sdk.analysis.maps import Maps
from vstar_sdk.analysis.pictures import all_heads, side_by_side, written
from vstar_sdk.gallery.rendering import render

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURE, DATA, PAGE = "maps.png", "maps.json", "index.html"
_TEMPLATE = Path(__file__).with_name("page.html.jinja")


def files(clips: Sequence[Maps], title: str) -> Iterator[tuple[str, bytes]]:
    """The files of a report, by name: what they hold is made as they are drawn.

    Args:
        clips: at least one.
        title: heading of the page.
    """
    picture = _png(side_by_side(clips))
    yield PICTURE, picture
    heads: list[bytes] = []
    for number, clip in enumerate(clips, 1):
        heads.append(_png(all_heads(clip)))
        yield f"heads-{number}.png", heads[-1]
        yield f"heads-{number}.safetensors", save({name: maps.contiguous() for name, maps in clip.tensors().items()})
    yield DATA, json.dumps({"version": 1, "clips": [clip.json() for clip in clips]}).encode()
    yield PAGE, _page(clips, title, picture, heads).encode()


def names(clips: int) -> list[str]:
    """The names of the files of a report on so many clips."""
    numbered = [f"heads-{number}{end}" for number in range(1, clips + 1) for end in (".png", ".safetensors")]
    return [PICTURE, *numbered, DATA, PAGE]


def _page(clips: Sequence[Maps], title: str, picture: bytes, heads: Sequence[bytes]) -> str:
    rows: list[list[str]] = []
    for clip in clips:
        for group in clip.groups:
            numbers = group.numbers
            rows.append(
                [
                    clip.name,
                    clip.kind,
                    str(clip.site.clock.frames),
                    group.name,
                    str(group.heads),
                    *map(written, (numbers.diagonalness, numbers.correlation, numbers.entropy)),
                ]
            )
    return render(
        _TEMPLATE,
        title=title,
        about=f"Attention over frames of {len(clips)} {'clip' if len(clips) == 1 else 'clips'}, averaged over positions.",
        picture=_embedded(picture),
        head=["clip", "kind", "frames", "where", "heads", "diagonalness", "correlation", "entropy"],
        rows=rows,
        words=(0, 1, 3),
        clips=[
            {"name": clip.name, "about": f"{clip.model}, {clip.words()}", "picture": _embedded(one)}
            for clip, one in zip(clips, heads, strict=True)
        ],
    )


def _png(picture: Image) -> bytes:
    content = BytesIO()
    picture.save(content, format="PNG", optimize=True)
    return content.getvalue()


def _embedded(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
