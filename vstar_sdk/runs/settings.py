"""The numbers of a run: the spec's, and the model's own where the spec is silent. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vstar_sdk import moments
from vstar_sdk.attention.moment import steps_inside
from vstar_sdk.errors import SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.models.facts import Facts
from vstar_sdk.runs.engine import Engine
from vstar_sdk.spec.run_spec import RunSpec

MOST_FRAMES = 10_000
"""Frames of the longest clip: a typing error should not fill the memory."""

MOST_PIXELS = 4096 * 4096
"""Pixels of the largest picture, for the same reason."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The numbers of a run."""

    frames: int
    width: int
    height: int
    fps: float
    seed: int
    steps: int
    scheduler: str
    guidance: float
    """The scale of the guidance."""
    guided_by: str
    """The guidance."""
    branches: int
    """Predictions that a step needs."""
    eta: float
    guidance_batch: Literal["one", "two"]

    def footage(self, prompt: str) -> Footage:
        """What is known of the frames that the model will make."""
        return Footage(frames=self.frames, width=self.width, height=self.height, fps=self.fps, prompt=prompt)


def settings_of(spec: RunSpec, facts: Facts, engine: Engine) -> Settings:
    """Fill in and check the numbers.

    Args:
        spec: says some of them.
        facts: of the model, which has the others.
        engine: the parts that denoise.

    Raises:
        SpecError: the model cannot make such a clip, or the scheduler has no eta; with its path in the spec.
    """
    fps = spec.fps or facts.fps
    frames = facts.frames if spec.frames is None else max(1, round(moments.duration(spec.frames, 0, fps)))
    if frames > MOST_FRAMES:
        raise SpecError(f"{frames} frames: a clip has at most {MOST_FRAMES}", hint="make several clips", path=("frames",))
    width, height = spec.size or (facts.width, facts.height)
    if width * height > MOST_PIXELS:
        raise SpecError(
            f"{width}x{height}: a picture has at most {MOST_PIXELS:,} pixels", hint="scale it up later", path=("size",)
        )
    facts.check(frames, width, height)
    sampling = spec.sampling
    scheduler = engine.scheduler_name
    try:
        has_eta = engine.scheduler.takes_eta
        if sampling.eta and not has_eta:
            raise SpecError(f"the scheduler {scheduler} has no eta", hint="remove eta, or use ddim", path=("eta",))
    except SpecError as error:
        raise error.under("sampling") from None
    steps = sampling.steps or facts.steps
    _check_guided(engine, steps)
    eta = sampling.eta if sampling.eta is not None else facts.eta if has_eta else 0.0
    return Settings(
        frames=frames,
        width=width,
        height=height,
        fps=fps,
        seed=spec.seed,
        steps=steps,
        scheduler=scheduler,
        guidance=engine.scale,
        guided_by=engine.guidance_name,
        branches=engine.branches,
        eta=eta,
        guidance_batch=sampling.guidance_batch,
    )


def _check_guided(engine: Engine, steps: int) -> None:
    """Refuse a guidance that would guide no step, without a word.

    Raises:
        SpecError: its window holds none.
    """
    options = engine.guidance.options
    if engine.scale != 1.0 and not steps_inside((options.start, options.stop), steps):
        raise SpecError(
            f"{engine.guidance_name}: start {options.start:g} and stop {options.stop:g} hold none of {steps} steps",
            hint=f"one step is {1 / steps:.3g} of this schedule: move them apart, or take more steps",
            path=("sampling", "guidance"),
        )
