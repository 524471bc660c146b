"""The layout of a contact sheet: how large its tiles are, how they fill rows, and which stretch of a row each state rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from vstar_sdk.output.scale import enlarge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_NARROWEST = 160
_WIDEST = 320
_ROW = 640
"""A row is about this wide even when it holds a tile or two, so that a title fits above."""


@dataclass(frozen=True)
class Tile:
    """A frame as it is shown.

    Attributes:
        frame: its number in the clip, from 0.
        picture: its pixels, at the size in which they are shown.
    """

    frame: int
    picture: Image.Image


@dataclass(frozen=True)
class Band:
    """The stretch of a row that one state rules.

    Attributes:
        state: from 0.
        first: column of its first tile.
        last: column of its last tile.
        begins: whether the state begins here, not in an earlier row.
        ends: whether the state ends here, not in a later row.
    """

    state: int
    first: int
    last: int
    begins: bool
    ends: bool


@dataclass(frozen=True)
class Row:
    """Tiles side by side, and the bands below them."""

    tiles: Sequence[Tile]
    bands: Sequence[Band]


def columns_of(tiles: int, most: int) -> int:
    """How many tiles a row holds, so that all rows but the last are full and the last is as full as it can be."""
    rows = -(-tiles // most)
    return -(-tiles // rows)


def tile_picture(frame: NDArray[np.uint8], columns: int) -> Image.Image:
    """A frame at the size in which a sheet of so many columns shows it.

    A small frame grows by a whole factor until it is 160 pixels wide, or wider where the columns are few; a large one shrinks
    until its longer side is 320.
    """
    from PIL import Image

    height, width, _ = frame.shape
    least = max(_NARROWEST, _ROW // columns)
    if width < least:
        return Image.fromarray(enlarge(frame, -(-least // width)))
    ratio = max(least / width, _WIDEST / max(width, height))
    picture = Image.fromarray(frame)
    if ratio >= 1:
        return picture
    return picture.resize((round(width * ratio), round(height * ratio)), Image.Resampling.LANCZOS)


def rows_of(tiles: Sequence[Tile], ruling: Sequence[int], columns: int) -> list[Row]:
    """Break tiles into rows.

    Args:
        tiles: in the order of their frames.
        ruling: the state that rules each frame of the clip.
        columns: tiles in a row.
    """
    states = [ruling[tile.frame] for tile in tiles]
    rows: list[Row] = []
    for start in range(0, len(tiles), columns):
        stop = min(start + columns, len(tiles))
        bands: list[Band] = []
        for state, group in groupby(range(start, stop), key=states.__getitem__):
            places = list(group)
            begins = places[0] == 0 or states[places[0] - 1] != state
            ends = places[-1] == len(tiles) - 1 or states[places[-1] + 1] != state
            bands.append(Band(state, places[0] - start, places[-1] - start, begins, ends))
        rows.append(Row(tiles[start:stop], bands))
    return rows
