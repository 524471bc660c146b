"""From noise to latents: a sampler and its denoising."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.sampling.denoising import Denoising


class Sampler(Protocol):
    """What a sampler part's factory returns: how steps of the schedule become latents."""

    def steps(self, schedule: int) -> int:
        """How many steps it will take in all; it must take as many.

        Args:
            schedule: steps of the schedule.
        """
        ...

    def sample(self, denoising: Denoising) -> Tensor:
        """From noise to latents.

        Whatever a step raises ends the run; nothing of it is for the sampler to catch. An interrupted run calls this again in
        another process: see `vstar_sdk.Denoising.begin` and `vstar_sdk.Denoising.memory`.

        Args:
            denoising: the noise, the schedule, and its steps.

        Returns:
            The clean latents, of the noise's shape and type, on its device.
        """
        ...


def denoise(sampler: Sampler, denoising: Denoising, *, until: int | None = None) -> Tensor | None:
    """Have a sampler sample.

    Args:
        sampler: takes the steps.
        denoising: fresh, or from a state.
        until: steps after which to stop; None goes on to the end. `Denoising.state` then says where it stands.

    Returns:
        The latents; None where it was stopped.

    Raises:
        ValueError: ``until`` is behind the state, or beyond what the sampler takes.
        BaseException: whatever ended a step, as it was raised, whatever the sampler made of it.
    """
    denoising.total = sampler.steps(len(denoising.timesteps))
    if until is not None and not denoising.done <= until <= denoising.total:
        raise ValueError(f"until {until}: from step {denoising.done} of {denoising.total}, which is not later")
    denoising.until = until
    latents = None
    try:
        latents = sampler.sample(denoising)
    except BaseException:
        if denoising.ended is None and not denoising.paused:
            raise
    # Outside of the handler, so that the error has no context but its own.
    if denoising.ended is not None:
        raise denoising.ended
    return None if denoising.paused else latents
