"""What is known of a stretch of frames before the first of them arrives. No torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Footage:
    """What is known of frames before the first arrives.

    Attributes:
        frames: how many will come.
        width: in pixels.
        height: in pixels.
        fps: frames a second.
        prompt: the user's prompt, "" where there is none.
    """

    frames: int
    width: int
    height: int
    fps: float
    prompt: str = ""

    def json(self) -> dict[str, float]:
        """Number, size and rate as JSON data."""
        return {"frames": self.frames, "width": self.width, "height": self.height, "fps": self.fps}

    def __str__(self) -> str:
        return f"{self.frames} frames of {self.width}x{self.height} at {self.fps:g} fps"
