"""The maps of a real clip: encoded, noised to a step, and seen by the denoiser once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vstar_sdk.analysis.maps import Maps, Where, found_in
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.recording import Recording
from vstar_sdk.errors import SamplerError, SamplingEnded, SpecError
from vstar_sdk.models.contract import EncodingAdapter, RunningAdapter, SamplingAdapter
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.fitting import Fitting
from vstar_sdk.reading.videos import look_at_video
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.plan import Plan, make_plan
from vstar_sdk.runs.schedule import schedule_steps
from vstar_sdk.sampling.denoising import Denoising
from vstar_sdk.sampling.guided import Guided
from vstar_sdk.sampling.noise import folded
from vstar_sdk.spec.loading import load_spec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def looking(plan: Plan) -> Plan:
    """The plan by which a run's model looks at real clips of its size, length and schedule, unchanged by regularizers."""
    numbers, spec = plan.settings, plan.spec
    sampling = spec.sampling.model_dump(mode="json", include={"steps", "scheduler", "preset"}, exclude_unset=True)
    return make_plan(
        load_spec(
            {
                "model": spec.model.model_dump(mode="json", exclude_unset=True),
                "frames": numbers.frames,
                "size": [numbers.width, numbers.height],
                "fps": numbers.fps,
                "seed": numbers.seed,
                "synopsis": {"use": "states", "states": ["-"]},
                "regularizers": [],
                "sampling": sampling,
                "plugins": spec.model_dump(mode="json", include={"plugins"})["plugins"],
            },
            plugins=plan.loaded.given,
            guard=plan.loaded.guard,
        )
    )


def real(
    plan: Plan, clip: Path, where: Where, models: Models, *, name: str | None = None, every: int = 1, caption: str = ""
) -> Maps:
    """Record what a model's attention does with a clip.

    The first ``plan.settings.frames`` frames are cropped to the middle, resized, encoded (``x``), and noised as the scheduler
    noises: ``add_noise(x, e, t)``, ``e`` standard normal by the plan's seed. One call of the denoiser follows, with the caption
    for all frames and without guidance. What regularizers the plan has act.

    Args:
        plan: says model, frames, size, seed and schedule.
        clip: of the video.
        where: what to record, and to which step the clip is noised.
        models: gives the loaded model.
        name: of the clip; None for that of the file.
        every: of how many frames of the file one is taken.
        caption: that the denoiser is told.

    Raises:
        SpecError: the clip cannot be read or is too short, the model does not encode frames, or nothing can be recorded there.
        SamplerError: the scheduler cannot add noise.
    """
    sites = where.sites(plan)
    if not plan.facts.encodes:
        raise SpecError(
            f"{plan.facts.name} cannot look at a real clip: its adapter does not encode frames", hint="use another model"
        )
    frames = _frames(plan, clip, every)
    adapter = models.get(plan)
    if not isinstance(adapter, EncodingAdapter):
        raise SamplerError(f"the adapter of {adapter.facts.name} has no encode_frames(), which its facts promise")
    numbers, clock = plan.settings, plan.attention.clock
    with torch.no_grad():
        clean = adapter.encode_frames(frames).float().to(adapter.device)
        told, negative = adapter.encode([caption, plan.facts.negative_prompt])
        guided_text = told.expand(clock.latents, *told.shape)
        scheduler = plan.engine.scheduler.make(adapter.scheduler_config)
        prepared = adapter.sampling() if isinstance(adapter, SamplingAdapter) else nullcontext()
        running = nullcontext()
        if isinstance(adapter, RunningAdapter):
            running = adapter.running([[1.0]] * clock.latents, numbers.steps)
        steps = schedule_steps(plan)
        step = where.step(steps)
        recording = Recording(sites, [step], heads=True).to(adapter.device)
        nursed = nurse(adapter.denoiser, plan.attention, adapter.family, recording=recording)
        with running, prepared, nursed as nursing:
            guided = Guided(adapter, guided_text, negative, plan.engine.guidance, 1.0, numbers.guidance_batch, nursing)
            noise = plan.engine.noise.draw(tuple(clean.shape), clock, torch.Generator().manual_seed(folded(numbers.seed)))
            denoising = Denoising(guided, noise.to(clean.device), scheduler, numbers.steps, eta=numbers.eta, nursing=nursing)
            try:
                denoising.predict(denoising.add_noise(clean, denoising.noise, step), step)
            except SamplingEnded:
                if denoising.ended is None:
                    raise
            if denoising.ended is not None:  # outside of the handler, so that it has no context but its own
                raise denoising.ended
            timestep = float(denoising.timesteps[step])
    return Maps(name or clip.stem, "real", plan.facts.name, step, steps, timestep, found_in(recording.seen()))


def _frames(plan: Plan, clip: Path, every: int) -> Iterator[NDArray[np.uint8]]:
    """The frames of a clip in the size of the model.

    Raises:
        SpecError: it cannot be read, or is too short.
    """
    numbers = plan.settings
    needed = (numbers.frames - 1) * every + 1
    video = look_at_video(clip, needed)
    if video.frames < needed:
        whole = [n for n in plan.facts.rhythm.nearest((video.frames - 1) // every + 1) if (n - 1) * every < video.frames]
        raise SpecError(
            f"the video {printable(str(clip))} has {video.frames} frames, and {needed} are needed",
            hint=f"use --frames {whole[0]}" if whole else "use a longer clip, or a smaller --every",
        )
    fitting = Fitting.of(video.size, (numbers.width, numbers.height), "crop")
    return map(fitting, islice(video.read(0, needed), 0, None, every))
