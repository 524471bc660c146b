"""The stage ``sample``: from noise to latents."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from vstar_sdk import events
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.models.contract import SamplingAdapter
from vstar_sdk.runs.engine import Engine, engine_of
from vstar_sdk.runs.memory import enough_memory
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.state import RunState, made
from vstar_sdk.sampling.denoising import Denoising, OnStep
from vstar_sdk.sampling.guided import Guided
from vstar_sdk.sampling.noise import folded, step_noise
from vstar_sdk.sampling.sampler import denoise

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
            engine = engine_of(run.plan.loaded, run.plan.facts)
            text, negative = conditioning.text.to(device), conditioning.negative.to(device)
            guided = Guided(adapter, text, negative, engine.guidance, engine.scale, numbers.guidance_batch, nursing)
            draws = torch.Generator().manual_seed(folded(numbers.seed))
            draw = partial(_drawn, run, engine, adapter.latent_shape(numbers.frames, numbers.height, numbers.width), draws)
            denoising = Denoising(
                guided,
                draw().to(device),
                engine.scheduler.make(adapter.scheduler_config),
                numbers.steps,
                draw=draw,
                draws=draws,
                eta=numbers.eta,
                generator=step_noise(numbers.seed),
                nursing=nursing,
                transform=run.transforms.latents if run.transforms.implemented("transform_latents") else None,
                on_step=_reports(run, begun=state.sampler.done if state.sampler else 0),
                state=state.sampler,
            )
            latents = denoise(engine.sampler, denoising, until=until)
        if latents is None:
            return replace(state, sampler=denoising.state())
        return replace(state, sampler=None, latents=latents.cpu())


def _drawn(run: Run, engine: Engine, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Noise from the run's noise part, as the plugins' transforms leave it."""
    clock = run.plan.attention.clock
    return run.transforms.noise(engine.noise.draw(shape, clock, generator), clock)


def _reports(run: Run, begun: int) -> OnStep:
    """Tells every step, and ends the sampling when the run is to end."""
    began = time.perf_counter()

    def on_step(step: int, steps: int, timestep: float, latents: Tensor) -> None:
        passed = time.perf_counter() - began
        left = passed / (step - begun) * (steps - step)
        run.emit(events.Step(run=run.id, step=step, steps=steps, timestep=timestep, seconds=passed, eta=left))
        run.check()

    return on_step
