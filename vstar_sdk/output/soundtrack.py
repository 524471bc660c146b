"""The sound of a clip, as long as its frames, encoded into a file beside them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vstar_sdk.errors import OutputError
from vstar_sdk.footage import Sound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CODEC = "aac"
"""That every player of MP4 knows."""
BIT_RATE = 192_000
"""Of two channels, in bits a second."""
CHUNK = 2**16
"""Samples of silence that are made at once."""


def fitted(sound: Sound, seconds: Fraction) -> Iterator[NDArray[np.float32]]:
    """The samples of a sound, exactly as long as a clip: what is longer is cut off, what is shorter goes on in silence.

    Args:
        sound: of the clip.
        seconds: of the clip; rounded to a sample.

    Raises:
        OutputError: the sound gives something else than it says.
    """
    import numpy as np

    left = round(seconds * sound.rate)
    source = iter(sound.samples())
    while left > 0:
        samples = next(source, None)
        if samples is None:
            samples = np.zeros((min(left, CHUNK), sound.channels), np.float32)
        elif samples.ndim != 2 or samples.shape[1] != sound.channels or not np.isfinite(samples).all():
            raise OutputError(
                f"the sound {sound.name} gave {samples.shape} {samples.dtype}, not finite samples of {sound.channels} channels",
                hint="it is a fault of the finisher that brings it",
            )
        samples = samples[:left]
        left -= len(samples)
        yield np.clip(samples, -1.0, 1.0, dtype=np.float32)


class Soundtrack:
    """The sound of one file: encoded as far as the frames are, so that little is held.

    Args:
        container: a PyAV container that is open for writing.
        sound: of the clip.
        seconds: of the clip.
    """

    def __init__(self, container: Any, sound: Sound, seconds: Fraction) -> None:
        self._container, self._sound = container, sound
        self._samples, self._written = fitted(sound, seconds), 0
        self._stream = container.add_stream(CODEC, rate=sound.rate)
        self._layout = "stereo" if sound.channels == 2 else "mono"
        self._stream.layout = self._layout
        self._stream.bit_rate = BIT_RATE * sound.channels // 2

    def until(self, seconds: Fraction) -> None:
        """Encode as far as a moment of the clip, or a little further."""
        while self._written < seconds * self._sound.rate:
            samples = next(self._samples, None)
            if samples is None:
                return
            self._encode(samples)

    def end(self) -> None:
        """Encode the rest, and flush the encoder."""
        for samples in self._samples:
            self._encode(samples)
        self._container.mux(self._stream.encode(None))

    def _encode(self, samples: NDArray[np.float32]) -> None:
        import av
        import numpy as np

        frame: Any = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._sound.rate, self._written, Fraction(1, self._sound.rate)
        self._written += len(samples)
        self._container.mux(self._stream.encode(frame))
