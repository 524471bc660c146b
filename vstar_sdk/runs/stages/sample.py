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
from vstar_sdk.attention.telling import told
from vstar_sdk.errors import SamplerError, VstarError
from vstar_sdk.models.contract import RunningAdapter, SamplingAdapter
from vstar_sdk.previews import Palette, Preview
from vstar_sdk.runs.engine import Engine, engine_of
from vstar_sdk.runs.memory import enough_memory
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.stages.hold import known_of
from vstar_sdk.runs.state import RunState, made
from vstar_sdk.runs.watching import recording_of
from vstar_sdk.sampling.denoising import Denoising
from vstar_sdk.sampling.guided import Guided
from vstar_sdk.sampling.noise import folded, step_noise
from vstar_sdk.sampling.sampler import denoise

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vstar_sdk.attention.plan import AttentionPlan
    from vstar_sdk.attention.recording import Recording
    from vstar_sdk.models.contract import Adapter
    from vstar_sdk.runs.saved import Saved
    from vstar_sdk.runs.story import Story
    from vstar_sdk.sampling.conditioning import Conditioning


def sample(
    run: Run,
    adapter: Adapter,
    state: RunState,
    *,
    until: int | None = None,
    saved: Saved | None = None,
    palette: Palette | None = None,
    recording: Recording | None = None,
) -> RunState:
    """Denoise, from the beginning or from where the state's sampler stands.

    Args:
        run: under way.
        adapter: the loaded model.
        state: has the conditioning.
        until: steps after which to stop; None goes on to the end.
        saved: where the sampler's state is kept on the way.
        palette: how the model's latents look, as far as earlier runs know; where previews are wanted.
        recording: takes attention maps, in the place of what the metrics ask for.

    Returns:
        The state with its latents, or, where it was stopped, with its sampler.

    Raises:
        SpecError: the scheduler does not fit the model or the settings, or what is kept was changed.
        SamplerError: the latents stopped being finite, there is not enough memory, or the state is of another run.
    """
    if state.latents is not None:
        return state
    conditioning = made(state.conditioning)
    numbers, device = run.plan.settings, adapter.device
    recording = recording_of(run.plan) if recording is None else recording
    if recording is not None:
        recording.to(device)
    with run.stage("sample"), enough_memory(run.plan, "sample"), torch.no_grad():
        with run.under():
            known = known_of(run.plan, adapter)
        adapter = known.adapter
        prepared = adapter.sampling() if isinstance(adapter, SamplingAdapter) else nullcontext()
        story = made(state.story)
        mixture = story.timeline.pooled(run.plan.attention.clock)
        by_run = adapter if isinstance(adapter, RunningAdapter) else None
        running = by_run.running(mixture, numbers.steps) if by_run is not None else nullcontext()
        attention = _told(run, story, conditioning)
        nursed = nurse(adapter.denoiser, attention, adapter.family, recording=recording)
        with run.under("sampling"), running, prepared, nursed as nursing:
            engine = engine_of(run.plan.loaded, run.plan.facts)
            text, negative = (tensor.to(device) for tensor in conditioning.sequences())
            guided = Guided(adapter, text, negative, engine.guidance, engine.scale, numbers.guidance_batch, nursing)
            draws = torch.Generator().manual_seed(folded(numbers.seed))
            shape = adapter.latent_shape(numbers.frames, numbers.height, numbers.width)
            draw = partial(_drawn, run, engine, shape, draws)
            held = known.held(shape, numbers.seed, partial(_drawn, run, engine, shape), device)
            remembers = (*nursing.remembers, *(by_run.remembers if by_run is not None else ()))
            if until is not None and remembers:
                names = " and ".join(remembers)
                raise SamplerError(
                    f"the run cannot pause: {names} has memory of earlier steps",
                    hint=f"let the run finish, or remove {names}",
                )
            reports = _Reports(run, adapter, saved if not remembers else None, palette or Palette())
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
                on_step=reports.on_step,
                held=held,
                state=state.sampler,
            )
            reports.of = denoising
            latents = denoise(engine.sampler, denoising, until=until)
        if latents is None:
            expected = denoising.clean()
            return replace(state, sampler=denoising.state(), expected=None if expected is None else expected.cpu())
        maps = recording.state() if recording is not None else None
        return replace(state, sampler=None, latents=latents.cpu(), maps=maps)


def _told(run: Run, story: Story, conditioning: Conditioning) -> AttentionPlan:
    """The plan of attention with what the text part says."""
    if run.plan.text.reads == "frames":
        return run.plan.attention
    return told(run.plan.attention, conditioning.bias, conditioning.text.shape[1], story.timeline.spans())


def _drawn(run: Run, engine: Engine, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Noise from the run's noise part, as the plugins' transforms leave it."""
    clock = run.plan.attention.clock
    return run.transforms.noise(engine.noise.draw(shape, clock, generator), clock)


class _Reports:
    """Tells every step, keeps the sampler's state now and then, and ends the sampling when the run is to end.

    Args:
        run: under way.
        adapter: the loaded model.
        saved: where states are kept; None keeps none.
        palette: of the model.
    """

    of: Denoising

    def __init__(self, run: Run, adapter: Adapter, saved: Saved | None, palette: Palette) -> None:
        self._run, self._adapter, self._saved = run, adapter, saved
        self._palette = palette
        self._began, self._first = time.perf_counter(), 0

    def on_step(self, step: int, steps: int, timestep: float, latents: Tensor) -> None:
        """See `OnStep`."""
        passed = time.perf_counter() - self._began
        self._first = self._first or step
        left = passed / (step - self._first + 1) * (steps - step)
        preview = self._preview(step / steps) if self._run.previews else None
        try:
            self._run.emit(
                events.Step(
                    run=self._run.id, step=step, steps=steps, timestep=timestep, seconds=passed, eta=left, preview=preview
                )
            )
            self._run.check()
        except BaseException:
            self._keep()
            raise
        if self._saved is not None and self._saved.due():
            self._keep()

    def _preview(self, done: float) -> Preview | None:
        """What the step expects."""
        clean = self.of.clean()
        if clean is None:
            return None
        latents = clean[0].float().cpu().numpy()

        def decode(mosaic: NDArray[np.float32]) -> Iterator[NDArray[np.uint8]]:
            return self._adapter.decode(torch.tensor(mosaic)[None].to(clean))

        return Preview(latents, self._palette.fitted(done, latents, decode))

    def _keep(self) -> None:
        if self._saved is None:
            return
        try:
            self._saved.keep_sampler(self.of.state)
        except VstarError as error:  # the run goes on all the same
            self._saved = None
            self._run.warn(f"if interrupted here, this run can only restart from its first step: {error.message}")
