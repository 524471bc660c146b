"""Drawing a contact sheet.

Every length, in pixels, follows from one unit: the size of the body text, which grows with the width of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from vstar_sdk.output.made import made_with
from vstar_sdk.output.sheet.layout import Band, Row, Tile, columns_of, rows_of
from vstar_sdk.output.sheet.typeface import typeface_for
from vstar_sdk.output.sheet.typesetting import wrap

if TYPE_CHECKING:
    from vstar_sdk.output.contract import Clip

Colour = tuple[int, int, int]

PAPER: Colour = (250, 249, 246)
INK: Colour = (32, 35, 41)
MUTED: Colour = (118, 122, 130)
ACCENTS: tuple[Colour, ...] = (
    (58, 104, 174),
    (212, 122, 36),
    (46, 140, 108),
    (178, 72, 118),
    (126, 98, 184),
    (158, 128, 34),
    (52, 142, 168),
    (190, 76, 64),
    (96, 130, 52),
    (116, 100, 90),
)
"""Colours of the states, in turn; neighbours differ in hue."""

_TITLE_LINES = 3
_CAPTION_LINES = 6
_MADE_LINES = 2
_FINE = 4
"""Rounded shapes are drawn this many times larger and shrunk, because Pillow draws them with jagged edges."""


def draw(tiles: Sequence[Tile], clip: Clip, most_columns: int) -> Image.Image:
    """Draw the sheet.

    Args:
        tiles: the chosen frames, all of one size, at least one.
        clip: its prompt is the title; its captions stand under the frames that they rule.
        most_columns: most tiles in a row.
    """
    return _Sheet(tiles, clip, most_columns).draw()


class _Sheet:
    """One sheet in the making: its measures, its fonts, and how each part is drawn."""

    def __init__(self, tiles: Sequence[Tile], clip: Clip, most_columns: int) -> None:
        columns = columns_of(len(tiles), most_columns)
        self.clip = clip
        self.rows = rows_of(tiles, clip.timeline.ruling(), columns)
        self.tile_width, self.tile_height = tiles[0].picture.size

        self.unit = unit = min(24, max(15, columns * self.tile_width // 100))
        self.margin = 3 * unit
        self.gap = unit // 2
        self.line = round(1.35 * unit)
        self.title_line = round(2.2 * unit)
        self.padding = round(0.65 * unit)
        self.content = columns * self.tile_width + (columns - 1) * self.gap

        captions = [state.caption for state in clip.synopsis.states]
        self.typeface = typeface_for(" ".join([clip.prompt, *captions]))
        self.captions = [self.typeface.text(caption) for caption in captions]
        self.body = self.typeface.at(unit)
        self.small = self.typeface.at(max(14, unit - 2))
        self.large = self.typeface.at(round(1.75 * unit))
        self.title = wrap(self.typeface.text(clip.prompt), self.content, _TITLE_LINES, self.large.getlength)
        self.made = wrap(made_with(clip.spec), self.content, _MADE_LINES, self.small.getlength)
        self.lines = [[self._caption_lines(band) for band in row.bands] for row in self.rows]

    def draw(self) -> Image.Image:
        """The whole sheet."""
        heights = [self._row_height(lines) for lines in self.lines]
        header = len(self.title) * self.title_line + len(self.made) * self.line + round(3.25 * self.unit)
        between = 2 * self.unit
        height = 2 * self.margin + header + sum(heights) + between * (len(heights) - 1)
        self.page = Image.new("RGB", (self.content + 2 * self.margin, height), PAPER)
        self.pen = ImageDraw.Draw(self.page)
        self._draw_header()
        top = self.margin + header
        for row, lines, row_height in zip(self.rows, self.lines, heights, strict=True):
            self._draw_row(row, lines, top)
            top += row_height + between
        return self.page

    def _left(self, column: int) -> int:
        return self.margin + column * (self.tile_width + self.gap)

    def _right(self, column: int) -> int:
        return self._left(column) + self.tile_width

    def _row_height(self, lines: list[list[str]]) -> int:
        """Frame numbers, tiles, and the tallest band."""
        return self.line + self.tile_height + self.gap + self._band_height(max(map(len, lines)))

    def _band_height(self, lines: int) -> int:
        return self.unit // 4 + max(1, lines) * self.line + 2 * self.padding

    def _caption_lines(self, band: Band) -> list[str]:
        """A band's caption, broken to its width; the first line leaves room for the state's number."""
        room = self._right(band.last) - self._left(band.first) - 2 * self.padding
        return wrap(self.captions[band.state], room, _CAPTION_LINES, self.body.getlength, indent=self._indent(band.state))

    def _indent(self, state: int) -> int:
        return round(self.body.getlength(str(state + 1)) + 0.6 * self.unit)

    def _draw_header(self) -> None:
        """The prompt, a line of facts about the clip, and how it was made."""
        top = self.margin
        for line in self.title:
            self.pen.text((self.margin, top), line, INK, self.large)
            top += self.title_line
        top += self.unit // 4
        clip, states = self.clip, len(self.captions)
        seconds = clip.frames / clip.fps
        facts = f"{_counted(clip.frames, 'frame')} · {clip.fps:g} fps · {seconds:.1f} s · {_counted(states, 'state')}"
        middle = top + self.line // 2
        self.pen.text((self.margin, middle), facts, MUTED, self.small, anchor="lm")
        for number, line in enumerate(self.made, 1):
            self.pen.text((self.margin, middle + number * self.line), line, MUTED, self.small, anchor="lm")
        after = self._draw_dot(self.margin + round(self.small.getlength(facts)) + self.unit, middle, MUTED)
        self.pen.text((after, middle), "anchor of a state", MUTED, self.small, anchor="lm")

    def _draw_row(self, row: Row, lines: Sequence[Sequence[str]], top: int) -> None:
        """Frame numbers, tiles, bands."""
        anchors = self.clip.timeline.anchors
        middle, tiles_top = top + self.line // 2, top + self.line
        for column, tile in enumerate(row.tiles):
            left = self._left(column)
            if tile.frame in anchors:
                left = self._draw_dot(left, middle, _accent(anchors.index(tile.frame)))
            self.pen.text((left, middle), str(tile.frame), MUTED, self.small, anchor="lm")
            self.page.paste(tile.picture, (self._left(column), tiles_top))
        bands_top = tiles_top + self.tile_height + self.gap
        height = self._band_height(max(map(len, lines)))
        for band, its_lines in zip(row.bands, lines, strict=True):
            self._draw_band(band, its_lines, bands_top, height)

    def _draw_band(self, band: Band, lines: Sequence[str], top: int, height: int) -> None:
        """A strip of the state's colour over a tint of it, with number and caption; its foot is round at the state's ends."""
        accent = _accent(band.state)
        left, width = self._left(band.first), self._right(band.last) - self._left(band.first)
        bar, radius = self.unit // 4, self.unit // 3
        corners = (False, False, band.ends, band.begins)
        self._rounded((left, top), (width, height), _mixed(accent, PAPER, 0.14), corners, radius)
        self.pen.rectangle((left, top, left + width - 1, top + bar - 1), accent)
        x, y = left + self.padding, top + bar + self.padding
        self.pen.text((x, y), str(band.state + 1), accent, self.body)
        for number, line in enumerate(lines):
            self.pen.text((x if number else x + self._indent(band.state), y + number * self.line), line, INK, self.body)

    def _draw_dot(self, left: int, middle: int, colour: Colour) -> int:
        """The mark of an anchor, centred on a line of text; returns where the text after it begins."""
        side = self.unit // 2
        self._rounded((left, middle - side // 2 - 1), (side, side), colour, (True, True, True, True), side // 2)
        return left + side + self.unit // 3

    def _rounded(
        self, place: tuple[int, int], size: tuple[int, int], colour: Colour, corners: tuple[bool, bool, bool, bool], radius: int
    ) -> None:
        """A filled rectangle with some corners (from the upper left, clockwise) rounded."""
        mask = Image.new("L", (size[0] * _FINE, size[1] * _FINE))
        box = (0, 0, mask.width - 1, mask.height - 1)
        ImageDraw.Draw(mask).rounded_rectangle(box, radius * _FINE, 255, corners=corners)
        self.page.paste(colour, place, mask.resize(size, Image.Resampling.BOX))


def _accent(state: int) -> Colour:
    return ACCENTS[state % len(ACCENTS)]


def _mixed(colour: Colour, ground: Colour, share: float) -> Colour:
    """So much of a colour on a ground."""
    red, green, blue = (round(share * c + (1 - share) * g) for c, g in zip(colour, ground, strict=True))
    return red, green, blue


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
