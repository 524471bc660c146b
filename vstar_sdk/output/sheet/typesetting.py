"""Setting text in a column: lines of a given width, and an ellipsis where the text is cut."""

from __future__ import annotations

from collections.abc import Callable

ELLIPSIS = "…"

Measure = Callable[[str], float]
"""The width of a text in pixels."""


def wrap(text: str, width: float, most: int, measure: Measure, indent: float = 0.0) -> list[str]:
    """Break a text into lines at spaces; a word wider than a line is broken inside.

    Args:
        text: what to set; runs of white space count as one space.
        width: of a line, in pixels.
        most: number of lines; the last one ends in an ellipsis when the text is longer.
        measure: width of a text in pixels.
        indent: pixels that the first line is shorter.

    Returns:
        At most ``most`` lines; none for a blank text.
    """
    lines: list[str] = []
    rest = " ".join(text.split())
    while rest:
        room = width - indent if not lines else width
        if len(lines) == most - 1:
            return [*lines, _cut(rest, room, measure)]
        line = _line(rest, room, measure)
        lines.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    return lines


def _line(text: str, room: float, measure: Measure) -> str:
    """The longest beginning that fits, ending at a space if there is one; at least one character."""
    fits = _fitting(text, room, measure)
    if fits == len(text):
        return text
    space = text.rfind(" ", 0, fits + 1)
    return text[: space if space > 0 else max(fits, 1)]


def _cut(text: str, room: float, measure: Measure) -> str:
    """The text if it fits, else its beginning and an ellipsis, the cut made at a word where that loses little."""
    fits = _fitting(text, room, measure)
    if fits == len(text):
        return text
    fits = _fitting(text, room - measure(ELLIPSIS), measure)
    space = text.rfind(" ", 0, fits + 1)
    return text[: space if space > fits * 2 // 3 else fits].rstrip(" ,;:.") + ELLIPSIS


def _fitting(text: str, room: float, measure: Measure) -> int:
    """How many characters from the beginning fit into the room, by bisection: a longer beginning is never narrower."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= room else (low, middle - 1)
    return low
