"""Reading what a run wrote, frame by frame: an MP4, or a folder of PNG images."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.errors import SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.output.metadata import SPEC_KEY
from vstar_sdk.reading.files import is_empty

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Film:
    """Frames on the disk.

    Attributes:
        path: of the file, or of the folder.
        footage: what is known of it; without a prompt.
        spec: the resolved spec that it carries as YAML text, or None.
    """

    path: Path
    footage: Footage
    spec: str | None = None

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """The frames ``(height, width, 3)``, RGB, one by one.

        Raises:
            SpecError: one cannot be read, or they are not as many as the file says.
        """
        number = 0
        for number, frame in enumerate(_pictures(self.path) if self.path.is_dir() else _decoded(self.path), 1):
            if number > self.footage.frames or frame.shape != (self.footage.height, self.footage.width, 3):
                raise _damaged(self.path, f"frame {number - 1} is {frame.shape[1]}x{frame.shape[0]}, beyond {self.footage}")
            yield frame
        if number < self.footage.frames:
            raise _damaged(self.path, f"only {number} of {self.footage.frames} frames can be read")


def film(path: Path, fps: float = 8.0) -> Film:
    """Find out what a film is.

    Args:
        path: an MP4 file, or a folder of PNG images, in the order of their names.
        fps: of a folder, which has none.

    Raises:
        SpecError: it cannot be read, or is neither.
    """
    if not path.is_dir():
        return _mp4(path)
    from PIL import Image

    pictures = sorted(path.glob("*.png"))
    if not pictures:
        raise SpecError(f"{path}: there are no PNG images", hint="use a video or a run directory")
    with _reading(path), Image.open(pictures[0]) as first:
        return Film(path, Footage(frames=len(pictures), width=first.width, height=first.height, fps=fps))


def _mp4(path: Path) -> Film:
    with _container(path) as container:
        stream = next(iter(container.streams.video), None)
        if stream is None:
            raise _damaged(path, "it has no video stream")
        count: int = stream.frames or sum(packet.pts is not None for packet in container.demux(stream))
        if count == 0:
            raise _damaged(path, "it has no frames")
        footage = Footage(frames=count, width=stream.width, height=stream.height, fps=float(stream.average_rate or 1))
        return Film(path, footage, container.metadata.get(SPEC_KEY))


def _decoded(path: Path) -> Iterator[NDArray[np.uint8]]:
    from av.video.reformatter import Interpolation

    # Without accurate rounding, and chroma of every pixel, frames come out two levels darker.
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    with _container(path) as container:
        for frame in container.decode(container.streams.video[0]):
            yield frame.reformat(format="rgb24", interpolation=exact).to_ndarray()


@contextmanager
def _container(path: Path) -> Generator[Any]:
    """An MP4, open for reading."""
    import av

    # An open file and a fixed format, because FFmpeg would follow a name that is a URL, and a playlist to other files.
    with _reading(path), open(path, "rb") as file, av.open(file, format="mp4", metadata_errors="replace") as container:
        yield container


def _pictures(folder: Path) -> Iterator[NDArray[np.uint8]]:
    import numpy as np
    from PIL import Image

    for path in sorted(folder.glob("*.png")):
        with _reading(path), Image.open(path) as picture:
            frame = np.asarray(picture.convert("RGB"))
        yield frame


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Turns what FFmpeg, Pillow and the disk raise into a `SpecError`."""
    from av.error import FFmpegError

    try:
        yield
    except (OSError, SyntaxError, FFmpegError) as error:  # a damaged PNG is a SyntaxError
        raise _damaged(path, "the file is empty" if is_empty(path) else getattr(error, "strerror", None) or str(error)) from error


def _damaged(path: Path, why: str) -> SpecError:
    return SpecError(f"{path}: {why}", hint="use an MP4 video, or a run directory that has one")
