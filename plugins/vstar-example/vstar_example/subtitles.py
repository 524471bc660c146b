"""``example/subtitles``, an exporter: the caption of every state, for the frames that it rules, as SubRip subtitles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from vstar_sdk import ArtifactOptions, Clip, Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SubtitlesOptions(ArtifactOptions):
    """The options next to ``use: example/subtitles`` in a spec."""

    suffix: ClassVar[str] = ".srt"

    path: str = "video.srt"
    """Name of the file inside the run directory; players look for the name of the video."""


class Subtitles:
    """Writes all it has to write at once: it needs the story, not the frames.

    Args:
        options: the validated options.
    """

    def __init__(self, options: SubtitlesOptions) -> None:
        self.path = options.path

    def open(self, target: Path, clip: Clip) -> None:
        """Write one subtitle for each state."""
        shown = zip(clip.timeline.spans(), clip.synopsis.states, strict=True)
        blocks = [
            f"{number}\n{_moment(first / clip.fps)} --> {_moment((last + 1) / clip.fps)}\n{' '.join(state.caption.split())}\n"
            for number, ((first, last), state) in enumerate(shown, 1)
        ]
        target.write_text("\n".join(blocks), encoding="utf-8")

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Nothing of a frame is needed."""

    def close(self) -> None:
        """The file is whole already."""

    def abort(self) -> None:
        """No file is held open."""


def _moment(seconds: float) -> str:
    """``00:01:02,500``."""
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02},{rest % 1000:03}"


@hookimpl
def register_exporters(register: Register) -> None:
    """Offer ``example/subtitles``."""
    register("subtitles", options=SubtitlesOptions, factory=Subtitles, summary="The captions as subtitles (SubRip).")
