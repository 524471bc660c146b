"""The base of text parts' options. No torch."""

from __future__ import annotations

from vstar_sdk.options import Options
from vstar_sdk.timeline import Interpolation


class TextOptions(Options):
    """Base of a text part's options: how the states are placed on the frames."""

    interpolation: Interpolation = "linear"
    """How a state gives way to the next: ``linear`` (the paper's), ``hold`` (each state until the next anchor) or ``smooth``
    (cubic ease). Contact sheets and subtitles read it, too."""
