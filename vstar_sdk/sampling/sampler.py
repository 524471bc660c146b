"""From noise to latents: a sampler and its denoising."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from vstar_sdk.options import GuidanceOptions
from vstar_sdk.sampling.cfg import Cfg
from vstar_sdk.sampling.denoising import Denoising, OnStep, TransformLatents
from vstar_sdk.sampling.guided import GuidanceBatch, Guided
from vstar_sdk.sampling.single import Single

if TYPE_CHECKING:
    from vstar_sdk.attention.nursing import Nursing
    from vstar_sdk.models.contract import Adapter
    from vstar_sdk.sampling.contract import Scheduler
    from vstar_sdk.sampling.state import SamplerState


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
        raise ValueError(f"until {until}: from step {denoising.done} of {denoising.total}, that is not ahead")
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


@torch.no_grad()
def sample(
    adapter: Adapter,
    text: Tensor,
    negative: Tensor,
    noise: Tensor,
    scheduler: Scheduler,
    *,
    steps: int,
    guidance: float,
    eta: float = 0.0,
    guidance_batch: GuidanceBatch = "one",
    generator: torch.Generator | None = None,
    nursing: Nursing | None = None,
    transform: TransformLatents | None = None,
    on_step: OnStep | None = None,
    state: SamplerState | None = None,
    until: int | None = None,
) -> Tensor:
    """Denoise ``noise`` with classifier-free guidance, the schedule once.

    Stopping and going on, in this process or another, gives the same bits as not stopping::

        latents = sample(..., noise, scheduler, generator=generator, until=10)
        SamplerState.of(10, latents, scheduler, generator).write(path)
        ...
        latents = sample(..., noise, scheduler, generator=generator, state=SamplerState.read(path))

    Args:
        adapter: the loaded model.
        text: ``(frames, tokens, dim)``, one embedding for each frame.
        negative: ``(tokens, dim)``, shared by all frames.
        noise: ``(1, channels, frames, height, width)``, float32, standard normal, on the adapter's device.
        scheduler: made by a `vstar_sdk.SchedulerSource`.
        steps: number of denoising steps.
        guidance: its scale; at 1 the negative branch is skipped.
        eta: of DDIM: 0 (deterministic) to 1 (as noisy as DDPM).
        guidance_batch: one call for both branches, or two.
        generator: of the noise that the scheduler adds; see `vstar_sdk.sampling.noise.step_noise`.
        nursing: told of every step; None leaves the attention as it is.
        transform: gives other latents after every step; None changes nothing.
        on_step: called after every step.
        state: goes on from here in place of the noise; scheduler and generator are put into it.
        until: steps of the schedule after which to stop; None goes on to its end.

    Returns:
        Latents of the noise's shape, float32.

    Raises:
        SamplerError: the latents stopped being finite, and the message names the step; or the state is of another sampling, or of
            one whose regularizers have a memory.
        SpecError: the scheduler has no eta, or cannot take so few or so many steps.
        ValueError: ``until`` is behind the state, or beyond the schedule.
    """
    guided = Guided(adapter, text, negative, Cfg(GuidanceOptions()), guidance, guidance_batch, nursing)
    denoising = Denoising(
        guided,
        noise,
        scheduler,
        steps,
        eta=eta,
        generator=generator,
        nursing=nursing,
        transform=transform,
        on_step=on_step,
        state=state,
    )
    latents = denoise(Single(), denoising, until=until)
    return denoising.latents if latents is None else latents
