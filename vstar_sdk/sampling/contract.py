"""What the parts that denoise promise. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from vstar_sdk.attention.moment import steps_inside

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from vstar_sdk.attention.moment import Moment
    from vstar_sdk.attention.operations import Operation, Skip
    from vstar_sdk.attention.sites import Site
    from vstar_sdk.clock import Clock
    from vstar_sdk.options import GuidanceOptions


class Noise(Protocol):
    """What a noise part's factory returns."""

    def draw(self, shape: Sequence[int], clock: Clock, generator: torch.Generator) -> Tensor:
        """Draw noise for a clip.

        The same generator state must give the same noise: draw from it alone.

        Args:
            shape: of the latents, ``(1, channels, latent frames, height, width)``.
            clock: the time of the clip.
            generator: on the CPU, seeded with the spec's seed.

        Returns:
            A tensor of the shape, float32, on the CPU; each number by itself is standard normal.
        """
        ...


@dataclass(frozen=True)
class Branch:
    """One of the predictions that a guidance combines.

    Attributes:
        name: what the guidance calls it.
        text: what the denoiser is told: each frame's own text, or the negative prompt.
        operations: ``operations(site)`` gives what is changed at a site in this branch alone: operations, which come after those
            of the regularizers, or one `vstar_sdk.Skip`. Asked with the plan. None changes nothing.
        window: when it is needed, as fractions of the schedule; elsewhere it is not predicted.
    """

    name: str
    text: Literal["prompt", "negative"] = "prompt"
    operations: Callable[[Site], Sequence[Operation | Skip]] | None = None
    window: tuple[float, float] = (0.0, 1.0)


NEGATIVE, PROMPT = Branch("negative", "negative"), Branch("prompt")
"""The two branches of classifier-free guidance, in the order in which they are evaluated."""

UNGUIDED = (PROMPT,)
"""What `branches_at` gives, this very tuple, where the guidance is not asked."""


class Guidance(Protocol):
    """What a guidance part's factory returns: how the predictions of several branches become one.

    Outside of its options' ``start`` and ``stop``, and at scale 1, it is not asked: the prediction for the prompt alone counts,
    and no other is made. If it has branches whose attention is changed, scale 1 leaves out those of the negative prompt alone.
    """

    @property
    def options(self) -> GuidanceOptions:
        """The validated options."""
        ...

    @property
    def branches(self) -> Sequence[Branch]:
        """The predictions that it needs, in the order in which they are made; their names differ."""
        ...

    def combine(self, predictions: Mapping[str, Tensor], scale: float, moment: Moment) -> Tensor:
        """The guided prediction.

        Args:
            predictions: by the branches' names, each ``(1, channels, latent frames, height, width)``, float32; of the branches
                whose window holds the step. Change nothing in place.
            scale: the spec's, or the model's own.
            moment: the step that is under way.

        Returns:
            A tensor of the same shape, type and device.
        """
        ...


def branches_at(guidance: Guidance, scale: float, step: int, steps: int) -> tuple[Branch, ...]:
    """The branches that a step needs; `UNGUIDED` where the guidance is not asked.

    Args:
        guidance: combines them.
        scale: of the guidance.
        step: from 0.
        steps: of the schedule.
    """
    options = guidance.options
    if step not in steps_inside((options.start, options.stop), steps):
        return UNGUIDED
    there = [branch for branch in guidance.branches if step in steps_inside(branch.window, steps)]
    if scale == 1.0:
        there = [branch for branch in there if branch.text == "prompt"]
        if not any(branch.operations for branch in there):
            return UNGUIDED
    return tuple(there) or UNGUIDED


@runtime_checkable
class RememberingGuidance(Protocol):
    """A guidance that remembers earlier steps has these three methods, too."""

    def begin(self) -> None:
        """Forget: the schedule begins."""
        ...

    def state(self) -> Mapping[str, Any]:
        """What it remembers: numbers, texts and tensors, for an interrupted run."""
        ...

    def resume(self, state: Mapping[str, Any]) -> None:
        """Remember what `state` gave."""
        ...


class Scheduler(Protocol):
    """What turns predictions into the next latents: an object like those of ``diffusers.schedulers``.

    ``init_noise_sigma``, ``scale_model_input``, ``add_noise``, and the arguments ``eta`` and ``generator`` of `step` are used
    where they are there. What it carries from step to step stands in its attributes, which an interrupted run keeps.
    """

    @property
    def timesteps(self) -> Tensor:
        """``(steps,)``, in the order in which they are taken."""
        ...

    def set_timesteps(self, num_inference_steps: int, device: Any = None) -> None:
        """Set `timesteps`, and begin again.

        Args:
            num_inference_steps: what the spec asks for.
            device: of the timesteps.

        Raises:
            SpecError: it cannot take so few or so many steps; the path is ``("steps",)``.
        """
        ...

    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, *, return_dict: bool = True) -> Any:
        """One step.

        Args:
            model_output: the prediction.
            timestep: one of `timesteps`.
            sample: the latents at it.
            return_dict: always False here.

        Returns:
            A tuple that begins with the latents after the step.
        """
        ...


class SchedulerSource(Protocol):
    """What a scheduler part's factory returns: cheap to make, without torch."""

    @property
    def takes_eta(self) -> bool:
        """Whether the steps of its schedulers take ``eta``."""
        ...

    def make(self, config: Mapping[str, Any]) -> Scheduler:
        """A scheduler for a model.

        Args:
            config: the scheduler configuration that the model comes with.

        Raises:
            SpecError: a model with such a configuration was not trained for it; the path is ``("scheduler",)``.
            MissingDependency: it needs another package.
        """
        ...
