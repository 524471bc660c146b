"""How much of everything a training takes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """How much of everything. Times are wall clock in seconds; a stage also ends after its steps."""

    processes: int = 2
    layouts: int = 3600
    vae_seconds: float = 2100
    judge_seconds: float = 300
    first_clips: int = 1400
    clips: int = 3600
    long_clips: int = 400
    single_seconds: float = 900
    short_seconds: float = 3600
    clip_seconds: float = 2400
    long_seconds: float = 900
    vae_batch: int = 16
    judge_batch: int = 32
    single_batch: int = 64
    short_batch: int = 10
    clip_batch: int = 5
    long_batch: int = 3
    held_out: int = 32
    steps: int = 10**9
    small: bool = False
    start: Path | None = None
    """A pipeline whose VAE and UNet are trained on."""


SMOKE = Plan(
    processes=1,
    layouts=12,
    first_clips=6,
    clips=12,
    long_clips=4,
    vae_batch=8,
    judge_batch=8,
    single_batch=8,
    short_batch=2,
    clip_batch=2,
    long_batch=1,
    held_out=2,
    steps=6,
    small=True,
)
"""Every stage, tiny: for a test."""
