"""Writing artifacts whole or not at all: several exporters take the same frames, then all their artifacts appear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vstar_sdk.errors import OutputError
from vstar_sdk.output.descriptors import fill_standard_descriptors
from vstar_sdk.output.drafts import Draft, drafts_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.output.contract import Clip, Exporter


class Artifacts:
    """The artifacts of one run, open for frames.

    Each exporter writes to a hidden sibling of its final path. When the block ends well, all are closed, and only then is each
    renamed into its place, over an older artifact of the same name. When it ends by an exception, every temporary is removed,
    and what stood there before is untouched::

        with Artifacts(folder, [("mp4", Mp4(Mp4Options()))], clip) as artifacts:
            for frame in frames:
                artifacts.write(frame)
        for name, path in artifacts.paths:
            ...

    Args:
        folder: the run directory; made when the block is entered.
        exporters: names, as in ``use``, and exporters.
        clip: what is known of the clip.
        before_placing: told the finished drafts when all are closed and none is in its place yet; what it raises keeps them out.

    Raises:
        OutputError: a path leaves the folder, two paths collide, or another folder than an older artifact is in the way; all that
            before anything is written.
    """

    def __init__(
        self,
        folder: Path,
        exporters: Sequence[tuple[str, Exporter]],
        clip: Clip,
        *,
        before_placing: Callable[[Sequence[Draft]], None] = lambda drafts: None,
    ) -> None:
        self._clip = clip
        self._before_placing = before_placing
        self._drafts = drafts_for(folder.absolute(), exporters)
        self._made: list[Path] = []
        self._written = 0

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The artifacts in the making, in the order given."""
        return self._drafts

    @property
    def paths(self) -> tuple[tuple[str, Path], ...]:
        """The name of each exporter and the final, absolute path of its artifact, in the order given."""
        return tuple((draft.name, draft.final) for draft in self._drafts)

    def __enter__(self) -> Self:
        """Open every exporter.

        Raises:
            OutputError: an exporter cannot write this clip, or the disk refuses.
        """
        fill_standard_descriptors()
        try:
            for draft in self._drafts:
                with draft.disk_errors():
                    self._make(draft.final.parent)
                    draft.exporter.open(draft.partial, self._clip)
                if draft.partial.is_dir() and draft.final.is_file():
                    raise OutputError(f"exporter {draft.name}: {draft.final} is a file", hint="give this exporter another path")
        except BaseException:
            self._discard()
            raise
        return self

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Give the next frame to every exporter.

        Args:
            frame: ``(height, width, 3)``, RGB.

        Raises:
            OutputError: its shape or type is not the clip's, the clip has no more frames, or the disk refuses.
        """
        wanted = (self._clip.height, self._clip.width, 3)
        if frame.shape != wanted or frame.dtype != "uint8":
            raise OutputError(
                f"frame {self._written} is {frame.shape} {frame.dtype}, but the clip's frames are {wanted} uint8",
                hint="the model's decode and every transform_frames must keep the size and return 8-bit RGB",
            )
        if self._written == self._clip.frames:
            raise self._miscounted("more")
        frame = frame if frame.flags.c_contiguous else frame.copy(order="C")
        for draft in self._drafts:
            with draft.disk_errors():
                draft.exporter.write(frame)
        self._written += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Put the artifacts in place, or remove every trace of them.

        Raises:
            OutputError: fewer frames came than the clip has, an exporter cannot finish, or the disk refuses.
        """
        if kind is not None:
            self._discard()
            return
        try:
            if self._written < self._clip.frames:
                raise self._miscounted(f"only {self._written}")
            for draft in self._drafts:
                with draft.disk_errors():
                    draft.exporter.close()
                draft.check_made()
            self._before_placing(self._drafts)
            for draft in self._drafts:
                with draft.disk_errors():
                    draft.put_in_place()
        except BaseException:
            self._discard()
            raise

    def _miscounted(self, count: str) -> OutputError:
        return OutputError(
            f"the clip has {self._clip.frames} frames, but {count} were written",
            hint="the model's decode and every transform_frames must keep the number of frames",
        )

    def _make(self, folder: Path) -> None:
        """Make a folder, remembering which of its parents were not there."""
        self._made += [parent for parent in (folder, *folder.parents) if not parent.exists()]
        folder.mkdir(parents=True, exist_ok=True)

    def _discard(self) -> None:
        """Remove every temporary, and the folders that were made for them if they are empty."""
        for draft in self._drafts:
            draft.discard()
        for folder in sorted(self._made, reverse=True):
            with suppress(OSError):
                folder.rmdir()
