"""Pictures on a terminal: kitty's graphics, sixels, or half blocks of 24-bit colours where it has neither.

Which it has is read from environment variables; nothing is asked of the terminal, so that nothing waits for its answer.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Way = Literal["kitty", "sixel", "blocks"]
WAYS: tuple[Way, ...] = ("kitty", "sixel", "blocks")
CHOSEN = "VSTAR_GRAPHICS"
"""The environment variable that names one of `WAYS`, where the guess is wrong."""

_KITTY = {"xterm-kitty", "xterm-ghostty", "kitty", "ghostty"}
_SIXEL = {"foot", "foot-extra", "mlterm", "contour", "yaft-256color", "WezTerm", "mintty", "iTerm.app"}
"""Values of TERM and TERM_PROGRAM."""
_KONSOLE = 220400
"""The first version of Konsole with sixels."""

_WIDEST = 32
"""Characters of a picture's width, at most."""
_CELL = 8
"""Pixels of a character's width, for sixels: few, so that they fit where characters are small."""
_CHUNK = 4096
"""Bytes of an escape of kitty's protocol, at most."""
_COLOURS = 255


def way_of(environment: Mapping[str, str]) -> Way:
    """How a terminal shows pictures.

    Inside tmux and screen, which pass on neither, it is by half blocks.

    Args:
        environment: variables of the process.
    """
    chosen, term = environment.get(CHOSEN, ""), environment.get("TERM", "")
    if chosen in WAYS:
        return chosen
    if "TMUX" in environment or term.startswith(("screen", "tmux")):
        return "blocks"
    program = environment.get("TERM_PROGRAM", "")
    konsole = environment.get("KONSOLE_VERSION", "")
    if {term, program} & _KITTY or ("KITTY_WINDOW_ID" in environment and not program and "VTE_VERSION" not in environment):
        return "kitty"
    if {term, program} & _SIXEL or "sixel" in term or (konsole.isdigit() and int(konsole) >= _KONSOLE):
        return "sixel"
    return "blocks"


def strip(frames: NDArray[np.uint8], columns: int, way: Way = "blocks") -> str:
    """Frames beside each other, without a line break at the end.

    Args:
        frames: ``(F, height, width, 3)``, RGB; as many are shown as fit, the first and the last among them.
        columns: of the terminal.
        way: how they are written.
    """
    layout = _Layout.of(frames, columns)
    match way:
        case "blocks":
            return _blocks(layout)
        case "kitty":
            return _kitty(layout)
        case "sixel":
            return _sixel(layout)


@dataclass(frozen=True)
class _Layout:
    """Pictures, and the characters of each: its width, and twice its height."""

    pictures: list[Image]
    wide: int
    high: int

    @classmethod
    def of(cls, frames: NDArray[np.uint8], columns: int) -> _Layout:
        from PIL import Image

        count, height, width, _ = frames.shape
        wide = max(1, min(width, _WIDEST, columns - 1))
        high = max(2, round(height * wide / width / 2) * 2)
        number = max(1, min(count, (columns - 1) // (wide + 1)))
        chosen = [round(index * (count - 1) / max(1, number - 1)) for index in range(number)]
        return cls([Image.fromarray(frames[index]) for index in chosen], wide, high)

    def sheet(self, cell: int) -> Image:
        """All pictures in one, with nothing between them.

        Args:
            cell: pixels of a character's width, and of half its height.
        """
        from PIL import Image

        wide, high = self.wide * cell, self.high * cell
        whole = Image.new("RGBA", (len(self.pictures) * (wide + cell) - cell, high))
        for index, picture in enumerate(self.pictures):
            whole.paste(picture.resize((wide, high), Image.Resampling.BICUBIC), (index * (wide + cell), 0))
        return whole


def _blocks(layout: _Layout) -> str:
    import numpy as np
    from PIL import Image

    size = (layout.wide, layout.high)
    pictures = [np.asarray(picture.resize(size, Image.Resampling.BOX)) for picture in layout.pictures]
    lines: list[str] = []
    for row in range(0, layout.high, 2):
        cells = ["".join(_half(above, below) for above, below in zip(one[row], one[row + 1], strict=True)) for one in pictures]
        lines.append("\x1b[0m ".join(cells) + "\x1b[0m")
    return "\n".join(lines)


def _half(above: NDArray[np.uint8], below: NDArray[np.uint8]) -> str:
    """One character: two pixels on top of each other."""
    return "\x1b[38;2;{};{};{};48;2;{};{};{}m\u2580".format(*above.tolist(), *below.tolist())


def _kitty(layout: _Layout) -> str:
    """A PNG in base64, in escapes of a few kilobytes: the terminal scales it to characters, and does not answer (``q=2``)."""
    written = io.BytesIO()
    layout.sheet(_CELL).save(written, format="PNG", compress_level=1)
    data = base64.b64encode(written.getvalue()).decode()
    chunks = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
    columns = len(layout.pictures) * (layout.wide + 1) - 1
    first = f"a=T,f=100,q=2,c={columns},r={layout.high // 2},"
    escapes = [f"\x1b_G{'' if index else first}m={int(chunk is not chunks[-1])};{chunk}" for index, chunk in enumerate(chunks)]
    return "".join(f"{escape}\x1b\\" for escape in escapes)


def _sixel(layout: _Layout) -> str:
    """Bands of six rows: in each, the columns of every colour that it has; what has no colour stays as it was (``P2=1``)."""
    import numpy as np

    sheet = layout.sheet(_CELL)
    indexed = sheet.convert("RGB").quantize(_COLOURS)
    colours = np.asarray(indexed.getpalette("RGB"), np.uint32).reshape(-1, 3)
    pixels = np.where(np.asarray(sheet)[..., 3] > 0, np.asarray(indexed), _COLOURS)
    palette = "".join(f"#{index};2;{red};{green};{blue}" for index, (red, green, blue) in enumerate((colours * 100 + 127) // 255))
    bits = 1 << np.arange(6)[:, None]
    bands: list[str] = []
    for top in range(0, len(pixels), 6):
        band = pixels[top : top + 6]
        rows = [f"#{index}{_runs(((band == index) * bits[: len(band)]).sum(0))}" for index in np.unique(band) if index < _COLOURS]
        bands.append("$".join(rows))
    return f'\x1bP0;1q"1;1;{sheet.width};{sheet.height}{palette}{"-".join(bands)}\x1b\\'


def _runs(sixels: NDArray[np.int64]) -> str:
    """Sixels of a row ``(width,)``, 0 to 63, as characters; those that repeat are counted."""
    import numpy as np

    starts = np.flatnonzero(np.diff(sixels, prepend=-1))
    lengths = np.diff(starts, append=len(sixels))
    return "".join(f"!{length}{chr(63 + sixels[start])}" for start, length in zip(starts, lengths, strict=True))
