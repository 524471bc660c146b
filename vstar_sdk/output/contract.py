"""What an exporter is, and what it is told about the clip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from vstar_sdk.footage import Footage, Sound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.synopses import Synopsis
    from vstar_sdk.timeline import Timeline


@dataclass(frozen=True, kw_only=True)
class Clip(Footage):
    """What is known of a clip before its first frame arrives: the `Footage`, and the story that it tells.

    Attributes:
        synopsis: the key states.
        timeline: where they stand.
        spec: the resolved spec as YAML text, for exporters that keep it in their file.
        sound: for exporters that carry it (``carries_sound = True``); None where there is none.
    """

    synopsis: Synopsis
    timeline: Timeline
    spec: str
    sound: Sound | None = None

    @classmethod
    def telling(cls, footage: Footage, synopsis: Synopsis, timeline: Timeline, spec: str, sound: Sound | None = None) -> Clip:
        """The clip of a footage that tells a story."""
        return cls(
            frames=footage.frames,
            width=footage.width,
            height=footage.height,
            fps=footage.fps,
            prompt=footage.prompt,
            anchors=timeline.anchors,
            synopsis=synopsis,
            timeline=timeline,
            spec=spec,
            sound=sound,
        )


class Exporter(Protocol):
    """Writes one artifact, frame by frame, while the clip is being decoded.

    The caller (`vstar_sdk.output.writing.Artifacts`) opens it on a temporary path next to the final one, gives it exactly
    ``clip.frames`` frames, and renames after `close`, so that an artifact that is there is whole. After an exception, be it in
    `open` or in another exporter, it calls `abort` and removes what was written. A folder should hold numbered files only
    (``0000.png``): one that holds anything else is not replaced by a later run.

    One that writes ``clip.sound`` says so by an attribute ``carries_sound = True``; the plan tells which do.
    """

    @property
    def path(self) -> str:
        """The artifact's name, relative to the run directory: the ``path`` of `vstar_sdk.output.path.ArtifactOptions`."""
        ...

    def open(self, target: Path, clip: Clip) -> None:
        """Begin. ``target`` does not exist, its folder does; make a file or a folder there, now or until `close`.

        Its suffix is the final one's, its name is not.

        Raises:
            OutputError: the clip cannot be written in this format; the message says what can.
        """
        ...

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Take the next frame: ``(height, width, 3)``, RGB, C-contiguous, of the clip's size.

        The array stays the caller's: copy what must outlive the call, and do not change it.

        Raises:
            OutputError: the frame cannot be written in this format.
            OSError: the disk refuses; the caller says which artifact and what to do.
        """
        ...

    def close(self) -> None:
        """All frames were written: finish the file."""
        ...

    def abort(self) -> None:
        """Give up: release file handles; must not raise. The caller removes ``target``."""
        ...


@runtime_checkable
class CheckedExporter(Exporter, Protocol):
    """An exporter that knows before a run what it cannot write."""

    def check(self, clip: Footage) -> None:
        """Find out whether a clip can be written, while the run is planned.

        Args:
            clip: the finished one.

        Raises:
            OutputError: it cannot be; the message says what can.
        """
        ...
