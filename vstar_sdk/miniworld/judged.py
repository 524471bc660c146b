"""``miniworld`` among the metrics: the judge of the embedded world, which knows at which stage of its story every frame is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.reader import Reading
from vstar_sdk.miniworld.watched import at_its_size, story_of
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage
    from vstar_sdk.miniworld.judge import Verdict

_TOGETHER = 32
"""Frames that it reads at once."""


class Judged:
    """How the frames tell the story of the prompt, as the embedded world's judge reads them.

    The story goes from its first stage to its last evenly in time: ``s[t] = start + t (end - start) / (F - 1)``, on the scale of
    its scene, 0 to 1. ``stage_error`` is the mean of ``|stage shown in x[t] - s[t]|``, the short way round where stages repeat,
    0 to 1; the judge's own error is part of it (`Judge.error`). ``order`` is Spearman's correlation of the stages shown with
    time: 1 in the story's order, -1 backwards, 0 for a clip that stands still. ``moved`` is the way from the first three frames
    to the last three (medians), as a share of the story's: 1 for all of it, below 0 for the other way. ``scene`` is the share of
    frames in which the judge sees the story's scene.

    It needs 3 frames, squares of 64 pixels or a multiple, and a prompt that the embedded world knows and that tells of a change.
    It holds up to 32 small pictures, and a few numbers for each frame.
    """

    numbers = ("stage_error", "order", "moved", "scene")

    _reading: Reading

    def __init__(self, options: Options) -> None:
        self._waiting: list[NDArray[np.uint8]] = []
        self._read: list[Verdict] = []

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it is too short, of another size, or its prompt tells no story of the embedded world.
        """
        reading = story_of(clip)
        if reading.start == reading.end:
            raise SpecError(f"in {clip.prompt.strip()!r} nothing changes, so its order cannot be judged", hint="remove it")
        self._reading, self._waiting, self._read = reading, [], []

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Keep a frame until enough wait to be read at once."""
        self._waiting.append(at_its_size(frame))
        if len(self._waiting) == _TOGETHER:
            self._look()

    def result(self) -> Mapping[str, float]:
        """What was read in all of them."""
        import numpy as np

        from vstar_sdk.miniworld.judge import Verdict
        from vstar_sdk.miniworld.telling import story_numbers

        self._look()
        families, stages = (np.concatenate([getattr(part, name) for part in self._read]) for name in ("families", "stages"))
        numbers = story_numbers(Verdict(families, stages), self._reading)
        return {"stage_error": numbers["error"]} | {name: numbers[name] for name in ("order", "moved", "scene")}

    def _look(self) -> None:
        if not self._waiting:
            return
        import numpy as np

        from vstar_sdk.miniworld.judge import judge

        self._read.append(judge().read(np.stack(self._waiting)))
        self._waiting = []


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``miniworld``."""
    summary = "How the frames tell the prompt's story, by the embedded world's judge: stage error, order, way moved, scene."
    register("miniworld", options=Options, factory=Judged, summary=summary)
