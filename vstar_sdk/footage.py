"""What is known of a stretch of frames before the first of them arrives. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Footage:
    """What is known of frames before the first arrives.

    Attributes:
        frames: how many will come.
        width: in pixels.
        height: in pixels.
        fps: frames a second.
        prompt: the user's prompt, "" where there is none.
        anchors: the frame, from 0, in which each key state is fully there; None where no story is known.
    """

    frames: int
    width: int
    height: int
    fps: float
    prompt: str = ""
    anchors: tuple[int, ...] | None = None

    def json(self) -> dict[str, float | list[int]]:
        """Number, size, rate, and anchors where they are known, as JSON data."""
        numbers = {"frames": self.frames, "width": self.width, "height": self.height, "fps": self.fps}
        return numbers if self.anchors is None else {**numbers, "anchors": [*self.anchors]}

    def __str__(self) -> str:
        return f"{self.frames} frames of {self.width}x{self.height} at {self.fps:g} fps"


@dataclass(frozen=True, kw_only=True)
class Sound:
    """The sound of a clip, which a finisher brings.

    It begins with the first frame. Whoever writes it makes it as long as the clip, ``frames / fps`` seconds: what is longer is
    cut off, what is shorter goes on in silence.

    Attributes:
        name: what plan and manifest call it.
        rate: samples a second, one of those that AAC has: 8000 to 48000.
        channels: 1 or 2.
        samples: begins anew at every call, and gives the samples in order: float32 arrays ``(count, channels)``, from -1 to 1.
    """

    name: str
    rate: int
    channels: int
    samples: Callable[[], Iterator[NDArray[np.float32]]]

    def json(self) -> dict[str, str | int]:
        """Name, rate and channels as JSON data."""
        return {"name": self.name, "rate": self.rate, "channels": self.channels}

    def __str__(self) -> str:
        return f"{self.name} ({self.rate} Hz, {'stereo' if self.channels == 2 else 'mono'})"
