"""The stage ``sample``: from noise to latents."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from vstar_sdk import events
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.models.contract import SamplingAdapter
from vstar_sdk.runs.memory import enough_memory
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.state import RunState, made
from vstar_sdk.sampling.noise import initial_noise, step_noise
from vstar_sdk.sampling.sampler import OnStep
from vstar_sdk.sampling.sampler import sample as denoise
from vstar_sdk.sampling.state import SamplerState

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.models.contract import Adapter


def sample(run: Run, adapter: Adapter, state: RunState, *, until: int | None = None) -> RunState:
    """Denoise, from the beginning or from where the state's sampler stands.

    Args:
        run: under way.
        adapter: the loaded model.
        state: has the conditioning.
        until: steps of the schedule after which to stop; None goes on to its end.

    Returns:
        The state with its latents, or, where it was stopped, with its sampler.

    Raises:
        SpecError: the scheduler does not fit the model or the settings.
        SamplerError: the latents stopped being finite, there is not enough memory, or the state is of another run.
    """
    conditioning = made(state.conditioning)
    numbers, device = run.plan.settings, adapter.device
    with run.stage("sample"), enough_memory(run.plan, "sample"), torch.no_grad():
        prepared = adapter.sampling() if isinstance(adapter, SamplingAdapter) else nullcontext()
        with run.under("sampling"), prepared, nurse(adapter.denoiser, run.plan.attention, adapter.family) as nursing:
            scheduler = run.plan.engine.scheduler.make(adapter.scheduler_config)
            generator = step_noise(numbers.seed)
            latents = denoise(
                adapter,
                conditioning.text.to(device),
                conditioning.negative.to(device),
                initial_noise(adapter.latent_shape(numbers.frames, numbers.height, numbers.width), numbers.seed, device),
                scheduler,
                steps=numbers.steps,
                guidance=numbers.guidance,
                eta=numbers.eta,
                guidance_batch=numbers.guidance_batch,
                generator=generator,
                nursing=nursing,
                transform=run.transforms.latents if run.transforms.implemented("transform_latents") else None,
                on_step=_reports(run, begun=state.sampler.step if state.sampler else 0),
                state=state.sampler,
                until=until,
            )
        if until is not None:
            return replace(state, sampler=SamplerState.of(until, latents, scheduler, generator))
        return replace(state, sampler=None, latents=latents.cpu())


def _reports(run: Run, begun: int) -> OnStep:
    """Tells every step, and ends the sampling when the run is to end."""
    began = time.perf_counter()

    def on_step(step: int, steps: int, timestep: float, latents: Tensor) -> None:
        passed = time.perf_counter() - began
        left = passed / (step - begun) * (steps - step)
        run.emit(events.Step(run=run.id, step=step, steps=steps, timestep=timestep, seconds=passed, eta=left))
        run.check()

    return on_step
