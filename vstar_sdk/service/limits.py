"""How much a service takes from those who use it."""

from __future__ import annotations

from pydantic import Field

from vstar_sdk.options import Options


class Limits(Options):
    """Bounds of everything that a client chooses. What is beyond one is refused with the bound in the message."""

    queue: int = Field(default=100, ge=1)
    """Jobs that may wait."""
    kept: int = Field(default=1000, ge=1)
    """Finished jobs that stay; with one more, the one that finished first is deleted with its files."""
    streams: int = Field(default=512, ge=1)
    """Streams of events at the same time."""
    head_seconds: float = Field(default=10.0, gt=0)
    """Seconds in which the head of a request must be there."""
    body: int = Field(default=32 << 20, ge=1024)
    """Bytes of a form; other requests have no more than a spec may have."""
    body_seconds: float = Field(default=60.0, gt=0)
    """Seconds in which a request's body must be there."""
    upload: int = Field(default=16 << 20, ge=1024)
    """Bytes of an uploaded picture or video."""
    upload_pixels: int = Field(default=1 << 24, ge=64)
    """Pixels of an uploaded picture, and of a frame of an uploaded video."""
    upload_frames: int = Field(default=300, ge=1)
    """Frames of an uploaded video."""
    pixels: int = Field(default=1 << 22, ge=64)
    """Pixels of a frame."""
    frames: int = Field(default=1024, ge=1)
    """Frames of a clip, after the finishers too."""
    steps: int = Field(default=200, ge=1)
    """Denoising steps."""
    seconds: float = Field(default=3600.0, gt=0)
    """Seconds that one run may take."""
    attempts: int = Field(default=3, ge=1)
    """Times that a run is taken up after the service was killed during it."""
