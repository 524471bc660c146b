"""A run from beginning to end: synopsis -> timeline -> load -> encode -> sample -> decode -> export."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vstar_sdk import events
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.errors import SamplerError, SpecError, out_of_memory
from vstar_sdk.models.contract import SamplingAdapter
from vstar_sdk.output.contract import Clip
from vstar_sdk.output.writing import Artifacts
from vstar_sdk.plugin.observers import Observers
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.runs.advice import less_memory
from vstar_sdk.runs.attendance import attendance
from vstar_sdk.runs.directory import MANIFEST, RunDirectory
from vstar_sdk.runs.manifest import manifest
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.result import Result
from vstar_sdk.runs.schedule import evaluations
from vstar_sdk.runs.story import Story
from vstar_sdk.sampling.conditioning import Conditioning, blend
from vstar_sdk.sampling.noise import initial_noise, step_noise
from vstar_sdk.sampling.sampler import sample
from vstar_sdk.sampling.schedulers import build_scheduler
from vstar_sdk.spec.writing import to_yaml

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vstar_sdk.models.contract import Adapter


class Flow:
    """One run under way.

    Args:
        plan: what to do.
        run: the run's id.
        adapter: gives the loaded model; called in the stage ``load``.
        directory: where files go; None keeps the run in memory.
        transforms: the plugins that may change the run's values.
        observers: the plugins that watch; told by ``emit``.
        emit: told every event.
        check: raises `RunCancelled` once the run is to end; called at every step and frame.
    """

    def __init__(
        self,
        plan: Plan,
        run: str,
        adapter: Callable[[], Adapter],
        directory: Path | None,
        transforms: Transforms,
        observers: Observers,
        emit: Callable[[events.Event], None],
        check: Callable[[], None],
    ) -> None:
        self._plan, self._run, self._get_adapter = plan, run, adapter
        self._directory = RunDirectory(directory) if directory is not None else None
        self._transforms, self._observers = transforms, observers
        self._emit, self._check = emit, check
        self._seconds: dict[str, float] = {}
        self._warnings: list[str] = []

    def perform(self) -> Result:
        """Do the run.

        Raises:
            VstarError: whatever ended it; files that were being written are gone.
        """
        if self._directory is None:
            return self._perform()
        try:
            self._directory.check(self._plan.exporters())
            return self._perform()
        except BaseException:
            self._directory.leave()
            raise

    def _perform(self) -> Result:
        plan, began = self._plan, time.perf_counter()
        evaluations(plan)  # an unfit scheduler ends the run before a language model is paid and a model is loaded
        path = self._directory.path if self._directory else None
        self._emit(events.RunStart(run=self._run, frames=plan.settings.frames, seed=plan.settings.seed, directory=path))
        with self._stage("synopsis"):
            story = plan.tell_story()
            self._emit(events.SynopsisReady(run=self._run, synopsis=story.synopsis, timeline=story.timeline))
            for warning in plan.warnings(story):
                self._warn(warning)
        with self._stage("load"), self._memory("load"):
            adapter = self._get_adapter()
            loaded = time.perf_counter() - began
            self._emit(events.ModelLoaded(run=self._run, model=plan.facts.name, device=str(adapter.device), seconds=loaded))
        weights = (weight.dtype for weight in adapter.denoiser.parameters() if weight.is_floating_point())
        dtype = str(next(weights)).removeprefix("torch.")
        resolved = plan.resolved(story, dtype=dtype)
        if self._directory is not None:
            self._directory.begin(to_yaml(resolved), _synopsis_file(story))
        with self._stage("encode"), self._memory("encode"), torch.no_grad():
            conditioning = self._encode(adapter, story)
        with self._stage("sample"), self._memory("sample"), torch.no_grad():
            latents = self._sample(adapter, conditioning).cpu()
        clip = self._clip(story, to_yaml(resolved))
        artifacts: tuple[Path, ...] = ()
        if self._directory is not None:
            with self._stage("decode"), self._memory("decode"):
                artifacts = self._export(adapter, latents, clip, self._directory)
        seconds = time.perf_counter() - began
        model = {"name": plan.facts.name, "device": str(adapter.device), "dtype": dtype, "weights": dict(adapter.weights())}
        for fault in (faults := self._observers.faults()):
            self._warn(fault)
        record = manifest(
            run=self._run,
            seed=plan.settings.seed,
            model=model,
            plugins=attendance(plan.loaded),
            regularizers=plan.attention.summary(plan.settings.steps).splitlines(),
            seconds=self._seconds | {"total": seconds},
            warnings=self._warnings,
            artifacts=artifacts,
        )
        if self._directory is not None:
            self._directory.finish(record)
        self._emit(events.RunEnd(run=self._run, seconds=seconds, directory=path))
        if late := self._observers.faults()[len(faults) :]:
            record["warnings"] = self._warnings = [*self._warnings, *late]
            if self._directory is not None:
                self._directory.write(MANIFEST, record)
        return Result(
            id=self._run,
            spec=resolved,
            synopsis=story.synopsis,
            timeline=story.timeline,
            latents=latents,
            directory=path,
            artifacts=artifacts,
            warnings=tuple(self._warnings),
            manifest=record,
            adapter=adapter,
            finish=partial(self._finish, clip),
        )

    @contextmanager
    def _stage(self, stage: events.Stage) -> Generator[None]:
        self._check()
        self._emit(events.StageStart(run=self._run, stage=stage))
        began = time.perf_counter()
        yield
        self._seconds[stage] = time.perf_counter() - began

    @contextmanager
    def _located(self, *prefix: str) -> Generator[None]:
        """Puts its place in the spec before what a room found only now."""
        try:
            yield
        except SpecError as error:
            raise self._plan.loaded.error(error.under(*prefix)) from None

    @contextmanager
    def _memory(self, stage: events.Stage) -> Generator[None]:
        """Says what was too large, and what is left to change, where no memory is left."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)  # they hold the tensors that there was no room for
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            numbers = self._plan.settings
            what = (
                f"{numbers.frames} frames of {numbers.width}x{numbers.height}" if stage in ("sample", "decode") else "the model"
            )
            raise SamplerError(
                f"there is not enough memory for {what} (stage {stage})", hint=less_memory(self._plan, stage)
            ) from error

    def _warn(self, message: str) -> None:
        self._warnings.append(message)
        self._emit(events.Warned(run=self._run, message=message))

    def _encode(self, adapter: Adapter, story: Story) -> Conditioning:
        prompts = [*story.synopsis.prompts(), story.negative_prompt]
        for prompt in prompts:
            if lost := adapter.cut_off(prompt):
                self._warn(f"the text encoder does not see the end of '{prompt}': it stops before '{lost}'")
        *states, negative = adapter.encode(prompts)
        weights = story.timeline.pooled(self._plan.attention.clock)
        text = blend(weights, story.synopsis.prompts(), torch.stack(states))
        conditioning = Conditioning(text, negative)
        return self._transforms.conditioning(conditioning, story.timeline)

    def _sample(self, adapter: Adapter, conditioning: Conditioning) -> Tensor:
        numbers = self._plan.settings
        shape = adapter.latent_shape(numbers.frames, numbers.height, numbers.width)
        noise = initial_noise(shape, numbers.seed, adapter.device)
        began = time.perf_counter()

        def on_step(step: int, steps: int, timestep: float, latents: Tensor) -> None:
            passed = time.perf_counter() - began
            left = passed / step * (steps - step)
            self._emit(events.Step(run=self._run, step=step, steps=steps, timestep=timestep, seconds=passed, eta=left))
            self._check()

        prepared = adapter.sampling() if isinstance(adapter, SamplingAdapter) else nullcontext()
        with self._located("sampling"), prepared, nurse(adapter.denoiser, self._plan.attention) as nursing:
            return sample(
                adapter,
                conditioning.text,
                conditioning.negative,
                noise,
                build_scheduler(numbers.scheduler, adapter.scheduler_config),
                steps=numbers.steps,
                guidance=numbers.guidance,
                eta=numbers.eta,
                guidance_batch=numbers.guidance_batch,
                generator=step_noise(numbers.seed),
                nursing=nursing,
                transform=self._transforms.latents if self._transforms.implemented("transform_latents") else None,
                on_step=on_step,
            )

    def _clip(self, story: Story, spec: str) -> Clip:
        numbers = self._plan.settings
        return Clip(
            frames=numbers.frames,
            width=numbers.width,
            height=numbers.height,
            fps=numbers.fps,
            prompt=self._plan.spec.prompt,
            synopsis=story.synopsis,
            timeline=story.timeline,
            spec=spec,
        )

    def _finish(self, clip: Clip, frames: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Frames that are decoded once more, for `Result.frames`."""
        with self._memory("decode"):
            yield from self._transforms.frames(frames, clip)

    def _export(self, adapter: Adapter, latents: Tensor, clip: Clip, directory: RunDirectory) -> tuple[Path, ...]:
        """Decode the frames straight into the exporters."""
        with Artifacts(directory.path, self._plan.exporters(), clip) as artifacts:
            for done, frame in enumerate(self._transforms.frames(adapter.decode(latents), clip), 1):
                self._check()
                artifacts.write(frame)
                self._emit(events.FramesDecoded(run=self._run, done=done, total=clip.frames))
            directory.turn()
        for name, path in artifacts.paths:
            self._emit(events.Artifact(run=self._run, exporter=name, path=path))
        return tuple(path for _, path in artifacts.paths)


def _synopsis_file(story: Story) -> dict[str, object]:
    """What ``synopsis.json`` holds: the states, the frames that they rule, and what was said to a language model."""
    states = [
        {"caption": state.caption, "anchor": anchor, "rules": list(span)}
        for state, anchor, span in zip(story.synopsis.states, story.timeline.anchors, story.timeline.spans(), strict=True)
    ]
    return {
        "states": states,
        "style": story.synopsis.style,
        "negative_prompt": story.negative_prompt,
        "interpolation": story.timeline.interpolation,
        "transcript": [dict(exchange) for exchange in story.written.transcript],
    }
