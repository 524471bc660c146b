"""``single``: the schedule once, from its first step to its last. No torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.sampling.denoising import Denoising


class Single:
    """A `vstar_sdk.Sampler`."""

    def __init__(self, options: Options | None = None) -> None:
        del options  # it has none

    def steps(self, schedule: int) -> int:
        """As many as the schedule has."""
        return schedule

    def sample(self, denoising: Denoising) -> Tensor:
        """See `vstar_sdk.Sampler.sample`."""
        latents, first = denoising.begin(denoising.noise)
        for index in range(first, len(denoising.timesteps)):
            latents = denoising.step(latents, index)
        return latents


@hookimpl
def register_samplers(register: Register) -> None:
    """Offer the sampler."""
    register("single", options=Options, factory=Single, summary="Runs the schedule once.")
