"""What the parts that denoise promise. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


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
        """Set `timesteps`, and begin anew.

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
