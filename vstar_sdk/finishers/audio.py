"""``audio``: the sound of a file, for the video."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from vstar_sdk.errors import SpecError
from vstar_sdk.footage import Sound
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.reach import LocalFile
from vstar_sdk.reading.files import check_regular

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage

FORMATS = {".wav": "wav", ".flac": "flac", ".mp3": "mp3", ".ogg": "ogg"}
"""How FFmpeg calls the format of a file, by the end of its name."""
MOST_BYTES = 2**30
"""Of the largest file."""
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Samples a second that are taken as they are; others become the last of these."""


class AudioOptions(Options):
    """The sound of a file, for exporters that carry sound. The frames stay as they are."""

    file: Annotated[str, LocalFile()] = Field(examples=["music.wav"])
    """A WAV, FLAC, MP3 or Ogg file; a relative path begins at the spec's folder."""


class Audio:
    """Gives the clip a sound: see `vstar_sdk.Sound` for how it is laid over the frames.

    Args:
        options: the validated options.
    """

    def __init__(self, options: AudioOptions) -> None:
        self._path = Path(options.file).expanduser()

    def plan(self, clip: Footage) -> Footage:
        """Frames stay as they are."""
        return clip

    def finish(self, frames: Iterator[NDArray[np.uint8]], clip: Footage) -> Iterator[NDArray[np.uint8]]:
        """Frames stay as they are."""
        return frames

    def sound(self) -> Sound:
        """The sound of the file; of more than two channels, mixed to two.

        Raises:
            SpecError: it is not there, too large, of another format, or holds no sound; the path is ``("file",)``.
        """
        path = self._path
        try:
            check_regular(path)
            size = path.stat().st_size
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise SpecError(f"the sound {path}: {why}", hint="name a file", path=("file",)) from None
        if size > MOST_BYTES:
            raise SpecError(f"the sound {path} has {size:,} bytes: at most {MOST_BYTES:,} are read", path=("file",))
        if path.suffix.lower() not in FORMATS:
            known = ", ".join(end.removeprefix(".") for end in FORMATS)
            raise SpecError(f"the sound {path}: its name must end in one of {known}", hint="convert it", path=("file",))
        with _opened(path) as stream:
            rate = stream.rate if stream.rate in RATES else RATES[-1]
            channels = min(2, stream.codec_context.channels)
        return Sound(name=path.name, rate=rate, channels=channels, samples=lambda: _samples(path, rate, channels))


def _samples(path: Path, rate: int, channels: int) -> Iterator[NDArray[np.float32]]:
    """The samples ``(count, channels)`` of a file, as they are decoded."""
    import av

    resampler: Any = av.AudioResampler(format="fltp", layout="stereo" if channels == 2 else "mono", rate=rate)
    with _opened(path) as stream:
        for packet in stream.container.demux(stream):
            for frame in packet.decode():
                for part in resampler.resample(frame):
                    yield part.to_ndarray().T
        for part in resampler.resample(None):
            yield part.to_ndarray().T


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    """The sound stream of a file.

    Raises:
        SpecError: there is none, or it is damaged.
    """
    import av
    from av.error import FFmpegError

    form = FORMATS[path.suffix.lower()]
    try:
        # An open file and a fixed format, because FFmpeg would follow a name that is a URL, and a playlist to other files.
        with open(path, "rb") as file, av.open(file, format=form, metadata_errors="replace") as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None or not stream.rate or not stream.codec_context.channels:
                raise SpecError(f"the sound {path}: there is no sound in it", hint="name another file", path=("file",))
            yield stream
    except (OSError, FFmpegError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"the sound {path} cannot be read: {why}", hint="is it damaged?", path=("file",)) from error


@hookimpl
def register_finishers(register: Register) -> None:
    """Offer ``audio``."""
    register("audio", options=AudioOptions, factory=Audio, summary="The sound of a file, for the video.")
