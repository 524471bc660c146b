"""The typeface of a contact sheet: Pillow's built-in one where it has the letters, else a common font of the system.

The built-in typeface (Aileron, the same on every machine) holds ASCII and little more. Dashes and the like are replaced by what
it has; a text in another alphabet is set in the first font of a fixed list that the system has and that holds all of it.
"""

from __future__ import annotations

import logging
import unicodedata
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_log = logging.getLogger(__name__)

_PLAINER = str.maketrans("—–‑−•×‚„\u00a0\u202f", '----·x,"  ')

_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "wqy-zenhei.ttc",
    "Arial Unicode.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "msyh.ttc",
    "msgothic.ttc",
    "malgun.ttf",
    "Nirmala.ttf",
)
"""File names of sans-serif fonts that systems come with; Pillow looks for them in the system's font folders."""

_UNASSIGNED = "\U0010fffd"
"""A character that no font has: it is drawn as the font's sign for a missing one."""


@dataclass(frozen=True)
class Typeface:
    """A font in any size.

    Attributes:
        file: the font's file; None is Pillow's built-in typeface.
        plain: whether texts must be brought down to the built-in typeface's characters.
    """

    file: str | None = None
    plain: bool = True

    def at(self, size: int) -> Font:
        """The font in a size, in pixels."""
        return ImageFont.load_default(size) if self.file is None else ImageFont.truetype(self.file, size)

    def text(self, text: str) -> str:
        """The text as this typeface can show it."""
        return _plainer(text) if self.plain else text


def typeface_for(text: str) -> Typeface:
    """The typeface that all of a sheet's text is set in; logs a warning when none holds every character."""
    if _holds(ImageFont.load_default(16), text.translate(_PLAINER)):
        return Typeface()
    for file in _SYSTEM_FONTS:
        try:
            font = ImageFont.truetype(file, 16)
        except OSError:
            continue
        if _holds(font, text):
            return Typeface(file, plain=False)
    _log.warning("no font on this system has all characters of the captions, so some are shown as boxes; install the Noto fonts")
    return Typeface()


def _plainer(text: str) -> str:
    """Typographic characters replaced, and letters without their accents."""
    letters = unicodedata.normalize("NFKD", text.translate(_PLAINER))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _holds(font: Font, text: str) -> bool:
    """Whether the font has every character: none is drawn as the missing one."""

    def drawn(character: str) -> bytes:
        image = Image.new("L", (48, 48))
        ImageDraw.Draw(image).text((8, 8), character, 255, font)
        return image.tobytes()

    missing = drawn(_UNASSIGNED)
    return all(drawn(character) != missing for character in set(text) if not character.isspace())
