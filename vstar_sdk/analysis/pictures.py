"""Pictures of maps: clips side by side, and all heads of one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw

from vstar_sdk.analysis.drawing import ACCENTS, INK, MUTED, PAPER, coloured, draw_curves, draw_scale
from vstar_sdk.analysis.maps import Group, Maps
from vstar_sdk.output.sheet.typeface import Typeface, typeface_for
from vstar_sdk.output.sheet.typesetting import wrap

T = TypeVar("T")

_MARGIN, _GAP, _LINE = 32, 28, 20
_SIDE = 192
_CURVES = 300
MOST_GROUPS = 6
"""Rows of the picture of several clips; of more groups, as in a deep stack, so many are shown."""
MOST_SITES = 24
"""Rows of the picture of heads, likewise."""
_MOST_WIDTH = 1800


def side_by_side(clips: Sequence[Maps]) -> Image.Image:
    """The mean maps of clips: a row for each level or block, a column for each clip, and their profiles at the right.

    Colours of a row mean the same in all its maps: how many times the attention of a pair is that of even attention.

    Args:
        clips: at least one.
    """
    groups = [{group.name: group for group in clip.groups} for clip in clips]
    names = list(dict.fromkeys(chain.from_iterable(groups)))
    shown = evenly(names, MOST_GROUPS)
    typeface = typeface_for(" ".join(clip.name for clip in clips))
    bold, fine = typeface.at(16), typeface.at(14)
    titles = [wrap(typeface.text(clip.name), _SIDE, 2, bold.getlength) for clip in clips]
    head = (max(map(len, titles)) + 2) * _LINE
    row = _SIDE + 3 * _LINE + 8
    left = _MARGIN + 116
    size = (left + len(clips) * (_SIDE + _GAP) + 24 + _CURVES + _MARGIN, 2 * _MARGIN + head + len(shown) * row + 3 * _LINE)
    page = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(page)
    for column, (clip, lines) in enumerate(zip(clips, titles, strict=True)):
        x = left + column * (_SIDE + _GAP)
        for number, line in enumerate(lines):
            pen.text((x, _MARGIN + number * _LINE), line, ACCENTS[column % len(ACCENTS)], bold)
        pen.text((x, _MARGIN + len(lines) * _LINE), f"{clip.kind}, {clip.site.clock.frames} frames", MUTED, fine)
    at = left + len(clips) * (_SIDE + _GAP) + 24
    pen.text((at, _MARGIN), "attention by distance,", INK, fine)
    pen.text((at, _MARGIN + _LINE), "in frames; dashed: even attention", MUTED, fine)
    for number, name in enumerate(shown):
        top = _MARGIN + head + number * row
        found = [group.get(name) for group in groups]
        _row(page, (left, top), name, found, typeface)
        curves = [
            ([one * clip.site.clock.rhythm.regular for one in group.numbers.distances], group.numbers.profile)
            if group is not None
            else ((), ())
            for clip, group in zip(clips, found, strict=True)
        ]
        draw_curves(page, (at, top, at + _CURVES, top + _SIDE), curves, fine)
    foot = size[1] - _MARGIN - _LINE
    left_out = f" {len(shown)} of {len(names)} are shown." if len(shown) < len(names) else ""
    draw_scale(page, (left, foot), 120, f"from no attention to the darkest value of the row, at the left.{left_out}", fine)
    return page


def _row(page: Image.Image, place: tuple[int, int], name: str, found: Sequence[Group | None], typeface: Typeface) -> None:
    """The maps of a group."""
    pen, bold, fine = ImageDraw.Draw(page), typeface.at(16), typeface.at(14)
    left, top = place
    maps = [None if group is None else group.mean.double().numpy() * len(group.mean) for group in found]
    most = max(float(np.percentile(one, 99)) for one in maps if one is not None)
    some = next(group for group in found if group is not None)
    for number, line in enumerate((name, f"{some.sites} sites", f"{some.heads} heads", "", "darkest:", f"{most:.2g} x even")):
        pen.text((_MARGIN, top + number * _LINE), line, INK if not number else MUTED, bold if not number else fine)
    for column, (group, one) in enumerate(zip(found, maps, strict=True)):
        x = left + column * (_SIDE + _GAP)
        if group is None or one is None:
            pen.text((x, top), "none", MUTED, fine)
            continue
        page.paste(coloured(one, most, _SIDE), (x, top))
        numbers = group.numbers
        words = (f"diagonalness {written(numbers.diagonalness)}", f"entropy {numbers.entropy:.3f}")
        for line, text in enumerate(words):
            pen.text((x, top + _SIDE + 6 + line * _LINE), text, MUTED, fine)


def all_heads(clip: Maps) -> Image.Image:
    """The maps of every head of a clip: a row for each site, the darkest colour of a row at its own 99th percentile.

    Args:
        clip: of at most `MOST_SITES` sites all are shown; of more, as many, evenly.
    """
    shown = evenly(clip.found, MOST_SITES)
    most_heads = max(len(one.maps) for one in shown)
    side = max(40, min(96, (_MOST_WIDTH - 360) // most_heads - 6))
    typeface = typeface_for(clip.name)
    bold, fine = typeface.at(16), typeface.at(14)
    label = 330
    size = (2 * _MARGIN + label + most_heads * (side + 6), 2 * _MARGIN + 3 * _LINE + len(shown) * (side + 24))
    page = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((_MARGIN, _MARGIN), typeface.text(clip.name), INK, bold)
    left_out = f"; {len(shown)} of {len(clip.found)} sites" if len(shown) < len(clip.found) else ""
    pen.text((_MARGIN, _MARGIN + _LINE), f"{clip.model}, {clip.words()}{left_out}: one map for each head", MUTED, fine)
    for number, one in enumerate(shown):
        top = _MARGIN + 3 * _LINE + number * (side + 24)
        maps = one.maps.double().numpy() * one.site.frames
        most = float(np.percentile(maps, 99))
        where = f"level {one.site.level}" if one.site.index is None else f"block {one.site.index}"
        for line, text in enumerate(wrap(_short(one.site.name), label - 12, 2, fine.getlength)):
            pen.text((_MARGIN, top + line * 16), text, INK, fine)
        pen.text((_MARGIN, top + 34), f"{where}, darkest {most:.2g} x even", MUTED, fine)
        for head, each in enumerate(maps):
            page.paste(coloured(each, most, side), (_MARGIN + label + head * (side + 6), top))
    return page


def evenly(items: Sequence[T], most: int) -> Sequence[T]:
    """So many of the items, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def _short(name: str) -> str:
    """A site's name without what all of them have."""
    return name.replace("transformer_blocks.0.", "").replace("temp_attentions", "temp").replace("motion_modules", "motion")


def written(value: float | None) -> str:
    """A number as pictures and tables show it."""
    return "-" if value is None else f"{value:.3f}"
