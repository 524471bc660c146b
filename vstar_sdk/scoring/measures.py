"""What is measured of a clip, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vstar_sdk.scoring.stories import Telling

Better = Literal["lower", "higher"] | None

_ATTENTION = {"use": "diagonalness", "window": [0.3, 0.5]}

METRICS: Mapping[Telling, tuple[Mapping[str, Any], ...]] = {
    "story": (
        {"use": "miniworld"},
        {"use": "miniworld-colour"},
        {"use": "evolution"},
        {"use": "flicker"},
        {"use": "detail"},
        {"use": "repetition"},
        {"use": "layout"},
        _ATTENTION,
    ),
    "pan": ({"use": "miniworld-pan"}, _ATTENTION),
}
"""The metrics of a clip, as they stand in a spec. Each that cannot measure it is left out by name."""


@dataclass(frozen=True)
class Measure:
    """A number that is compared.

    Attributes:
        name: as a metric calls it.
        metric: as in ``use``.
        better: which way is better; None: that depends on what is wanted.
        what: it is, in a few words.
    """

    name: str
    metric: str
    better: Better
    what: str


MEASURES = (
    Measure("stage_error", "miniworld", "lower", "distance of the stage shown from the story's"),
    Measure("order", "miniworld", "higher", "rank correlation of stage and time"),
    Measure("moved", "miniworld", None, "way moved, as a share of the story's"),
    Measure("scene", "miniworld", "higher", "share of frames with the right scene"),
    Measure("colour", "miniworld-colour", "higher", "share of clips in the colour of the prompt"),
    Measure("evolution", "evolution", None, "difference of the last frame from the first"),
    Measure("flicker", "flicker", "lower", "distance of frames from the mean of their neighbours"),
    Measure("detail", "detail", "higher", "steps from pixel to pixel"),
    Measure("repetition", "repetition", "lower", "how far the clip comes back to what it showed"),
    Measure("layout", "layout", "higher", "whether edges stay where they are"),
    Measure("diagonalness", "diagonalness", None, "attention near the frame itself, steps at 30 to 50 %"),
    Measure("pan_speed", "miniworld-pan", None, "pixels a frame, to the side of the prompt"),
    Measure("pan_steady", "miniworld-pan", "higher", "share of steps at that speed"),
    Measure("pan_side", "miniworld-pan", "higher", "share of pans to the side of the prompt"),
)
"""In the order of tables."""
