"""A denoising under way, as a sampler sees it: the noise, the schedule, and its steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from vstar_sdk.attention.moment import Moment
from vstar_sdk.errors import SamplerError, SamplingEnded
from vstar_sdk.sampling.clean import clean
from vstar_sdk.sampling.plain_values import given_back
from vstar_sdk.sampling.schedulers import step_arguments, timesteps_of
from vstar_sdk.sampling.state import SamplerState

if TYPE_CHECKING:
    from vstar_sdk.attention.nursing import Nursing
    from vstar_sdk.sampling.contract import Scheduler
    from vstar_sdk.sampling.guided import Guided
    from vstar_sdk.sampling.held import Held


class OnStep(Protocol):
    """Called after every step; what it raises ends the sampling."""

    def __call__(self, step: int, steps: int, timestep: float, latents: Tensor) -> None:
        """A step is done.

        Args:
            step: from 1, of all that the sampler takes.
            steps: that the sampler takes in all.
            timestep: of the step.
            latents: after the step, in the scheduler's scale.
        """
        ...


class TransformLatents(Protocol):
    """Called after every step; what it returns goes on to the next one."""

    def __call__(self, latents: Tensor, step: int, steps: int, timestep: float) -> Tensor:
        """Change the latents.

        Args:
            latents: after the step, in the scheduler's scale.
            step: of the schedule, from 1.
            steps: of the schedule.
            timestep: of the step.
        """
        ...


class Denoising:
    """What a `vstar_sdk.Sampler` samples with.

    The run goes on around it: every step is nursed, guided, transformed and told, and the run can be paused or cancelled after
    each. A sampler that takes the schedule twice, say, with fresh noise in its last part::

        def sample(self, denoising):
            latents = None
            for turn in range(denoising.memory.get("turn", 0), 2):
                denoising.memory["turn"] = turn
                noise = denoising.noise if latents is None else self.mix(latents, denoising.draw())
                latents, first = denoising.begin(noise)
                for index in range(first, len(denoising.timesteps)):
                    latents = denoising.step(latents, index)
            return latents

    Attributes:
        noise: that the noise part drew, ``(1, channels, latent frames, height, width)``, float32, on the model's device.
        memory: the sampler's own: numbers, texts and tensors that it needs to go on after an interruption.
        done: steps that are done.
        total: steps that the sampler announced.
    """

    def __init__(
        self,
        guided: Guided,
        noise: Tensor,
        scheduler: Scheduler,
        steps: int,
        *,
        draw: Callable[[], Tensor] | None = None,
        draws: torch.Generator | None = None,
        eta: float = 0.0,
        generator: torch.Generator | None = None,
        nursing: Nursing | None = None,
        transform: TransformLatents | None = None,
        on_step: OnStep | None = None,
        held: Held | None = None,
        state: SamplerState | None = None,
    ) -> None:
        self.noise = noise
        self.memory: dict[str, Any] = given_back(state.memory, noise.device) if state is not None else {}
        self.done = state.done if state is not None else 0
        self.total = 0
        self.until: int | None = None
        self.ended: BaseException | None = None
        self.paused = False
        self._guided, self._scheduler, self._steps = guided, scheduler, steps
        self._draw, self._draws = draw, draws
        self._generator, self._nursing, self._transform, self._on_step = generator, nursing, transform, on_step
        self._held = held
        self._extra = step_arguments(scheduler, eta, generator)
        self._timesteps, self._fresh = self._scheduled(), True
        self._state, self._index, self._latents = state, 0, noise
        self._seen: tuple[int, Tensor] | None = None
        self._last: tuple[Tensor, Tensor, int] | None = None

    @property
    def timesteps(self) -> Tensor:
        """The schedule: ``(steps,)``, in the order in which it is taken."""
        return self._timesteps

    @property
    def latents(self) -> Tensor:
        """The latents after the last step."""
        return self._latents

    @property
    def scale(self) -> float:
        """The standard deviation of the latents at the first step, where noise alone is left: 1, or the scheduler's own."""
        return float(getattr(self._scheduler, "init_noise_sigma", 1.0))

    def clean(self) -> Tensor | None:
        """The clean latents as the model saw them at the last step, for a preview: like `noise`.

        None before the first step, and for schedulers that cannot tell; see `vstar_sdk.sampling.clean`.
        """
        return clean(self._scheduler, *self._last) if self._last is not None else None

    def draw(self) -> Tensor:
        """Fresh noise from the run's noise part, like `noise`."""
        if self._draw is None:
            raise SamplerError("this denoising has no source of fresh noise")
        return self._draw().to(self.noise.device)

    def begin(self, noise: Tensor, index: int = 0) -> tuple[Tensor, int]:
        """Begin the schedule, or go back in it.

        At step 0 guidance and regularizers with a memory forget what they saw, as in a run of its own. A turn that begins inside
        the schedule goes on with what regularizers saw; a guidance forgets.

        Args:
            noise: like `noise`, for the whole schedule; for a part of it, latents that `add_noise` brought to the step ``index``.
            index: of the step that comes next.

        Returns:
            The latents for `step`, and the index of the step that comes next. Where the run goes on after an interruption, the
            first call returns what was there then, whatever it is given.
        """
        self._check(noise, "noise")
        if not 0 <= index < len(self._timesteps):
            raise ValueError(f"begin at step {index}: the schedule has steps 0 to {len(self._timesteps) - 1}")
        with self._running():
            if not self._fresh:
                self._timesteps = self._scheduled()
            self._fresh = False
            if self._state is not None:
                noise, index = self._resumed(self._state)
                self._state = None
            else:
                self._guided.begin()
                if self._nursing is not None:
                    self._nursing.begin(index)
                noise = noise if index else noise * getattr(self._scheduler, "init_noise_sigma", 1.0)
                noise = self._with_held(noise, index)
            self._latents, self._index = noise, index
            self._pause()
        return self._latents, self._index

    def predict(self, latents: Tensor, index: int) -> Tensor:
        """The guided prediction at a step, under nursing; for samplers that combine several.

        Args:
            latents: from `begin`, `step` or `add_noise`.
            index: of the step.
        """
        self._check(latents, "latents")
        timestep = self._timesteps[index]
        with self._running():
            if self._nursing is not None:
                self._nursing.at(index, len(self._timesteps), float(timestep))
            latents = self._scaled(latents, timestep)
            self._seen = index, latents
            return self._guided(latents, timestep, Moment(index, len(self._timesteps), float(timestep)))

    def step(self, latents: Tensor, index: int, prediction: Tensor | None = None) -> Tensor:
        """Take one step; the steps after `begin` come one after another.

        Args:
            latents: before it.
            index: of the step in the schedule.
            prediction: from `predict`, or what the sampler made of several; None predicts.

        Returns:
            The latents after it.

        Raises:
            ValueError: another step comes next, `begin` was not called, more are taken than the sampler announced, or the latents
                or the prediction are of another shape, type or device.
        """
        self._check(latents, "latents")
        if prediction is not None:
            self._check(prediction, "prediction")
        if self._fresh:
            raise ValueError("step before begin(), which gives the latents that the schedule begins with")
        if index != self._index or not index < len(self._timesteps):
            raise ValueError(f"step {index}: step {self._index} of {len(self._timesteps)} comes next; begin() goes back")
        if self.done == self.total:
            raise ValueError(f"more steps than the {self.total} that the sampler announced")
        if prediction is None:
            prediction = self.predict(latents, index)
        with self._running():
            self._latents = self._taken(latents, index, prediction)
            self._index, self.done = index + 1, self.done + 1
            if self._on_step is not None:
                self._on_step(self.done, self.total, float(self._timesteps[index]), self._latents)
            self._pause()
        return self._latents

    def add_noise(self, latents: Tensor, noise: Tensor, index: int) -> Tensor:
        """Clean latents, noised to the level of a step.

        Args:
            latents: clean.
            noise: standard normal.
            index: of the step.

        Raises:
            SamplerError: the scheduler cannot do that.
        """
        at = self._timesteps[index : index + 1]
        scheduler: Any = self._scheduler
        if hasattr(scheduler, "add_noise"):
            return scheduler.add_noise(latents, noise, at)
        if hasattr(scheduler, "scale_noise"):  # its name in flow matching
            return scheduler.scale_noise(latents, at, noise)
        raise SamplerError(
            f"{type(scheduler).__name__} cannot add noise to latents", hint="use another scheduler, or the sampler single"
        )

    def state(self) -> SamplerState:
        """Where it stands after the last step, to continue from in this process or another.

        Raises:
            SamplerError: the scheduler, the sampler or the guidance keeps something that cannot be written down.
        """
        return SamplerState.of(
            self._index,
            self._latents,
            self._scheduler,
            self._generator,
            done=self.done,
            memory=self.memory,
            guidance=self._guided.state(),
            draws=self._draws,
            maps=self._nursing.recording.state() if self._nursing is not None and self._nursing.recording is not None else None,
        )

    def _scheduled(self) -> Tensor:
        return timesteps_of(self._scheduler, self._steps, self.noise.device, tokens=math.prod(self.noise.shape[2:]))

    def _scaled(self, latents: Tensor, timestep: Tensor) -> Tensor:
        """The latents as the model sees them at a step."""
        scaled = getattr(self._scheduler, "scale_model_input", None)  # flow matching has no such scales
        return latents if scaled is None else scaled(latents, timestep)

    def _taken(self, latents: Tensor, index: int, prediction: Tensor) -> Tensor:
        """The latents after the scheduler's step and the transforms."""
        steps, timestep, scheduler = len(self._timesteps), self._timesteps[index], self._scheduler
        seen = self._seen[1] if self._seen is not None and self._seen[0] == index else self._scaled(latents, timestep)
        self._last = seen, prediction, index
        latents = scheduler.step(prediction, timestep, latents, return_dict=False, **self._extra)[0]
        if self._transform is not None:
            latents = self._transform(latents, index + 1, steps, float(timestep))
        latents = self._with_held(latents, index + 1)
        if not latents.isfinite().all():
            raise SamplerError(
                f"step {index + 1} of {steps} (timestep {float(timestep):g}): the latents are not finite",
                hint="use dtype float32 or bfloat16, a lower guidance, another scheduler, or weaker regularizers",
            )
        return latents

    def _with_held(self, latents: Tensor, index: int) -> Tensor:
        """The latents that the step ``index`` begins with, or the schedule ends with: what is held is in its place."""
        if self._held is None:
            return latents
        if index == (steps := len(self._timesteps)):
            return self._held.ended(latents)
        return self._held.begun(latents, index, steps, self.noise, partial(self.add_noise, index=index))

    def _resumed(self, state: SamplerState) -> tuple[Tensor, int]:
        if state.done and self._nursing is not None and self._nursing.remembers:
            names = " and ".join(self._nursing.remembers)
            raise SamplerError(
                f"{names} has memory of earlier steps, which a saved state does not include",
                hint="sample without a pause",
            )
        latents = state.resume(self._scheduler, self._generator, self.noise)
        if self._nursing is not None and self._nursing.recording is not None:
            self._nursing.recording.resume(state.maps)
        self._guided.resume(given_back(state.guidance, self.noise.device))
        if self._draws is not None and state.draws is not None:
            self._draws.set_state(state.draws)
        return latents, state.step

    def _pause(self) -> None:
        if self.done == self.until:
            self.paused = True
            raise SamplingEnded

    @contextmanager
    def _running(self) -> Generator[None]:
        """Around the run's own work: what it raises ends the sampling, whatever the sampler does about it."""
        if self.ended is not None or self.paused:
            raise SamplingEnded
        try:
            yield
        except SamplingEnded:
            raise
        except BaseException as error:
            self.ended = error
            raise SamplingEnded from error

    def _check(self, given: Tensor, what: str) -> None:
        came, wanted = (f"{tuple(held.shape)} {held.dtype} on {held.device}" for held in (given, self.noise))
        if came != wanted:
            raise ValueError(f"the sampler's {what}: {came} instead of {wanted}")
