"""``mp4``: a video for any player, with the spec that made it inside the file."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import ValidationInfo, field_validator

from vstar_sdk.errors import OutputError
from vstar_sdk.output.metadata import metadata_of
from vstar_sdk.output.path import ArtifactOptions
from vstar_sdk.output.scale import Scale, enlarge, even, factor, pad_even
from vstar_sdk.output.soundtrack import Soundtrack
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from av.container import OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from vstar_sdk.output.contract import Clip

_BT709 = 1
"""BT.709 in the tables of ITU-T H.273: its matrix, its primaries and its transfer all have this number."""


class _Encoder(NamedTuple):
    """How FFmpeg encodes a codec."""

    name: str
    quality: int
    """The rate factor whose pictures are hard to tell from the original."""
    coarsest: int
    """The largest rate factor."""
    options: dict[str, str]


_ENCODERS = {
    "h264": _Encoder("libx264", 17, 51, {"preset": "medium"}),
    "av1": _Encoder("libsvtav1", 14, 63, {"preset": "6", "svtav1-params": "tune=0"}),
    "vp9": _Encoder("libvpx-vp9", 18, 63, {"b": "0", "row-mt": "1", "cpu-used": "2"}),
}


class Mp4Options(ArtifactOptions):
    """An MP4 video with the exact frame count and rate. A side of odd length grows by one pixel, which repeats the edge."""

    suffix: ClassVar[str] = ".mp4"

    path: str = "video.mp4"
    """Name of the file inside the run directory."""
    codec: Literal["h264", "av1", "vp9"] = "h264"
    """``h264`` plays everywhere; ``av1`` and ``vp9`` are royalty-free, and smaller."""
    quality: int | None = None
    """Constant rate factor, from 1: smaller is better, and more bytes.

    Unset it is 17 (of 51) for ``h264``, 14 (of 63) for ``av1`` and 18 (of 63) for ``vp9``.
    """
    scale: Scale = "auto"
    """Whole factor of enlargement (Lanczos); ``auto`` makes the shorter side at least 256 pixels, 1 keeps the clip's own size."""
    metadata: bool = True
    """Keep the prompt (``title``, ``comment``) and the resolved spec (``vstar_spec``) in the file."""

    @field_validator("quality")
    @classmethod
    def _on_the_codecs_scale(cls, quality: int | None, info: ValidationInfo) -> int | None:
        codec = info.data.get("codec")  # absent when it is itself wrong
        if quality is not None and codec is not None and not 1 <= quality <= _ENCODERS[codec].coarsest:
            raise ValueError(f"{codec} has no quality {quality}: use 1 (best) to {_ENCODERS[codec].coarsest} (smallest)")
        return quality


class Mp4:
    """Encodes with PyAV while frames arrive; none is held but in the encoder's own look-ahead.

    Args:
        options: the validated options.
    """

    carries_sound = True

    _container: OutputContainer
    _stream: VideoStream

    def __init__(self, options: Mp4Options) -> None:
        self.path = options.path
        self._options = options
        self._opened = ExitStack()
        self._rate = Fraction(1)
        self._scale = 1
        self._written = 0
        self._sound: Soundtrack | None = None

    def open(self, target: Path, clip: Clip) -> None:
        """Begin the file.

        Raises:
            OutputError: this build of FFmpeg lacks the encoder, or the encoder refuses the size or the rate.
        """
        import av
        from av.video.reformatter import ColorRange

        encoder = _ENCODERS[self._options.codec]
        if encoder.name not in av.codecs_available:
            others = [codec for codec, other in _ENCODERS.items() if other.name in av.codecs_available]
            raise OutputError(
                f"{self.path}: the installed PyAV has no encoder for {self._options.codec} ({encoder.name})",
                hint=f"choose another codec: {', '.join(others) or 'no encoder is available; write use: gif, or use: frames'}",
            )
        if self._options.codec == "av1":
            # SVT-AV1 prints a banner to stderr itself, past FFmpeg's log; level 1 leaves its errors.
            os.environ.setdefault("SVT_LOG", "1")
        self._scale = factor(self._options.scale, clip.width, clip.height)
        self._rate = Fraction(clip.fps).limit_denominator(1001)
        self._written, self._sound = 0, None
        width, height = even(clip.width * self._scale), even(clip.height * self._scale)
        quality = self._options.quality or encoder.quality
        with self._encoding(f"{width}x{height} at {clip.fps:g} fps"):
            movflags = {"movflags": "+faststart+use_metadata_tags"}  # index first, for the web; and our own keys kept
            self._container = self._opened.enter_context(av.open(str(target.absolute()), "w", format="mp4", options=movflags))
            if self._options.metadata:
                self._container.metadata.update(metadata_of(clip))
            container: Any = self._container
            # These encoders make video streams.
            self._stream = container.add_stream(encoder.name, self._rate, {"crf": str(quality), **encoder.options})
            self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
            context = self._stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = ColorRange.MPEG
            if clip.sound is not None:
                self._sound = Soundtrack(container, clip.sound, clip.frames / self._rate)
            context.open()

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Encode one frame, ``(height, width, 3)``, RGB."""
        import av
        from av.video.reformatter import ColorRange, Colorspace, Interpolation

        picture = av.VideoFrame.from_ndarray(pad_even(enlarge(frame, self._scale)), format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            # Without accurate rounding every frame comes out a level darker.
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
        )
        picture.pts, picture.time_base = self._written, 1 / self._rate
        with self._encoding(f"frame {self._written}"):
            self._encode(picture)
            self._written += 1
            if self._sound is not None:
                self._sound.until(self._written / self._rate)

    def close(self) -> None:
        """Flush the encoder and finish the file."""
        with self._encoding("the last frames"):
            self._encode(None)
            if self._sound is not None:
                self._sound.end()
            self._opened.close()

    def abort(self) -> None:
        """Release the encoder and the file."""
        # Closing writes a trailer; whether that works does not matter to a file that is removed next.
        with suppress(Exception):
            self._opened.close()

    def _encode(self, picture: VideoFrame | None) -> None:
        container: Any = self._container
        stream: Any = self._stream
        container.mux(stream.encode(picture))

    @contextmanager
    def _encoding(self, what: str) -> Generator[None]:
        """Turn the encoder's errors into `OutputError`; those of the disk, which are `OSError` too, pass."""
        from av.error import FFmpegError

        try:
            yield
        except OSError:
            raise
        except FFmpegError as error:
            raise OutputError(
                f"{self.path}: {self._options.codec} cannot encode {what}: {error.strerror}",
                hint="choose another codec or scale for this exporter, or use: frames",
            ) from error


@hookimpl
def register_exporters(register: Register) -> None:
    """Offer ``mp4``."""
    register("mp4", options=Mp4Options, factory=Mp4, summary="An MP4 video (H.264, AV1 or VP9) that carries its spec.")
