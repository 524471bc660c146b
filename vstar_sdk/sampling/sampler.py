"""The sampler: one loop from noise to latents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch
from torch import Tensor

from vstar_sdk.errors import SamplerError
from vstar_sdk.sampling.schedulers import step_arguments, timesteps_of

if TYPE_CHECKING:
    from vstar_sdk.attention.nursing import Nursing
    from vstar_sdk.models.contract import Adapter
    from vstar_sdk.sampling.state import SamplerState

GuidanceBatch = Literal["one", "two"]
"""Whether the guided and the unguided branch share one call of the denoiser (faster) or take one each (half the memory).

The two differ in the last bits of the result, so it is chosen by the spec, never by what memory is free.
"""


class OnStep(Protocol):
    """Called after every step; what it raises ends the sampling."""

    def __call__(self, step: int, steps: int, timestep: float, latents: Tensor) -> None:
        """A step is done.

        Args:
            step: from 1.
            steps: of the schedule.
            timestep: of the step.
            latents: after the step, in the scheduler's scale.
        """
        ...


class TransformLatents(Protocol):
    """Called after every step; what it returns goes on to the next one."""

    def __call__(self, latents: Tensor, step: int, steps: int, timestep: float) -> Tensor:
        """Change the latents: the arguments are those of `OnStep`."""
        ...


@torch.no_grad()
def sample(
    adapter: Adapter,
    text: Tensor,
    negative: Tensor,
    noise: Tensor,
    scheduler: Any,
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
    """Denoise ``noise`` with classifier-free guidance: ``e = e_negative + guidance (e_text - e_negative)``.

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
        scheduler: from `vstar_sdk.sampling.schedulers.build_scheduler`.
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
    extra = step_arguments(scheduler, eta, generator)
    timesteps = timesteps_of(scheduler, steps, noise.device, tokens=math.prod(noise.shape[2:]))
    branches = _branches(text, negative, guidance)
    prompted = (True,) if guidance == 1.0 else (False, True)

    def denoise(latents: Tensor, timestep: Tensor, texts: Tensor, prompted: tuple[bool, ...]) -> Tensor:
        if nursing is not None:
            nursing.call(prompted, *latents.shape[-2:])
        return adapter.denoise(latents, timestep, texts)

    def predict(latents: Tensor, timestep: Tensor) -> Tensor:
        if hasattr(scheduler, "scale_model_input"):  # flow matching has no such scales
            latents = scheduler.scale_model_input(latents, timestep)
        if guidance_batch == "one" or len(branches) == 1:
            predicted = denoise(latents.expand(len(branches), *latents.shape[1:]), timestep, branches, prompted)
        else:
            each = zip(branches, prompted, strict=True)
            predicted = torch.cat([denoise(latents, timestep, branch[None], (positive,)) for branch, positive in each])
        if len(branches) == 1:
            return predicted
        unguided, guided = predicted.chunk(2)
        return unguided + guidance * (guided - unguided)

    first, latents = 0, noise * getattr(scheduler, "init_noise_sigma", 1.0)
    if state is not None:
        first, latents = state.step, state.resume(scheduler, generator, noise)
        if first and nursing is not None and nursing.remembers:
            raise SamplerError(
                f"{' and '.join(nursing.remembers)} has a memory of earlier steps, which the state of a sampler does not hold",
                hint="sample from the first step, without a pause",
            )
    if until is not None and not first <= until <= len(timesteps):
        raise ValueError(f"until {until}: from step {first} of {len(timesteps)}, that is not ahead")
    for step, timestep in enumerate(timesteps[first:until], first):
        if nursing is not None:
            nursing.at(step, len(timesteps), float(timestep))
        latents = scheduler.step(predict(latents, timestep), timestep, latents, return_dict=False, **extra)[0]
        if transform is not None:
            latents = transform(latents, step + 1, len(timesteps), float(timestep))
        if not latents.isfinite().all():
            raise SamplerError(
                f"step {step + 1} of {len(timesteps)} (timestep {float(timestep):g}): the latents are not finite",
                hint="use dtype float32 or bfloat16, a lower guidance, another scheduler, or a weaker regularizer",
            )
        if on_step is not None:
            on_step(step + 1, len(timesteps), float(timestep), latents)
    return latents


def _branches(text: Tensor, negative: Tensor, guidance: float) -> Tensor:
    """The text of every branch and frame, ``(branches, frames, tokens, dim)``: the guided branch last.

    A text that is one in memory for all frames stays one.
    """
    once = text if text.stride(0) else text[:1]
    stacked = torch.stack([once] if guidance == 1.0 else [negative.expand_as(once), once])
    return stacked.expand(-1, len(text), -1, -1)
