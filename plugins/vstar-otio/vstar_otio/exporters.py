"""The exporters: frames pass by, the story is written at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_otio.timelines import otio, timeline_of
from vstar_sdk import OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_otio import EdlOptions, TimelineOptions
    from vstar_sdk import Clip, Footage


class Timeline:
    """Writes ``.otio`` files.

    Args:
        options: the validated options.
    """

    adapter, more = "otio_json", {"indent": 2}

    _clip: Clip
    _target: Path

    def __init__(self, options: TimelineOptions | EdlOptions) -> None:
        self.path = options.path
        self._video = options.video

    def open(self, target: Path, clip: Clip) -> None:
        """Remember the clip; ``target`` is made by `close`."""
        self._target, self._clip = target, clip

    def write(self, frame: NDArray[np.uint8]) -> None:
        """The frames are in the video."""

    def close(self) -> None:
        """Write the timeline."""
        name = self._clip.prompt.strip() or self._clip.synopsis.states[0].caption
        timeline = timeline_of(self._clip, self._video, name)
        more: Any = self.more
        self._target.write_text(otio.adapters.write_to_string(timeline, self.adapter, **more), encoding="utf-8")

    def abort(self) -> None:
        """Nothing is open."""


class Edl(Timeline):
    """Writes ``.edl`` files: an event for each key state, its caption in a locator.

    Args:
        options: the validated options.
    """

    adapter, more = "cmx_3600", {"reelname_len": 8}

    def check(self, clip: Footage) -> None:
        """See `vstar_sdk.output.contract.CheckedExporter`.

        Raises:
            OutputError: there are no timecodes for the rate of the clip.
        """
        if not otio.opentime.RationalTime.is_valid_timecode_rate(clip.fps):
            raise OutputError(
                f"{self.path}: timecodes have 24, 25, 30 and other rates of film and video, not {clip.fps:g} frames a second",
                hint="use otio/timeline, or bring the clip to such a rate: finish: [{use: interpolate, factor: 3}]",
            )

    def open(self, target: Path, clip: Clip) -> None:
        """Remember the clip.

        Raises:
            OutputError: see `check`.
        """
        self.check(clip)
        super().open(target, clip)
