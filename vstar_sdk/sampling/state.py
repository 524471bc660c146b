"""The state of the sampler between two steps: all that the rest of the schedule needs, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vstar_sdk.errors import SamplerError
from vstar_sdk.sampling.scheduler_state import SchedulerState
from vstar_sdk.sampling.tensor_file import read_tensors, write_tensors

if TYPE_CHECKING:
    from vstar_sdk.sampling.contract import Scheduler


@dataclass(frozen=True, eq=False)
class SamplerState:
    """Where a sampling stands. Going on from it gives the same bits as never having stopped.

    Attributes:
        step: steps that are done; the next one has this index.
        latents: after the last of them, ``(1, channels, frames, height, width)``, float32, on the CPU.
        scheduler: what the scheduler carries.
        generator: the state of the generator of the steps' noise, uint8; None where there was none.
    """

    step: int
    latents: Tensor
    scheduler: SchedulerState
    generator: Tensor | None

    @classmethod
    def of(cls, step: int, latents: Tensor, scheduler: Scheduler, generator: torch.Generator | None) -> SamplerState:
        """Take the state after a step; everything is copied, and the sampling may go on.

        Args:
            step: steps that are done.
            latents: after the last of them.
            scheduler: of the sampling.
            generator: of the noise that the scheduler adds.

        Raises:
            SamplerError: see `SchedulerState.of`.
        """
        noise = generator.get_state() if generator is not None else None
        return cls(step, latents.detach().to("cpu", copy=True), SchedulerState.of(scheduler), noise)

    def resume(self, scheduler: Scheduler, generator: torch.Generator | None, like: Tensor) -> Tensor:
        """Put a scheduler and a generator into this state.

        Args:
            scheduler: built as it was for the state, with its timesteps set.
            generator: takes the state's place in its sequence.
            like: latents of the run, for shape and device.

        Returns:
            The latents to go on with.

        Raises:
            SamplerError: the state is of another clip, scheduler or schedule.
        """
        if self.latents.shape != like.shape:
            raise SamplerError(
                f"the state is of latents {tuple(self.latents.shape)}, and the run has {tuple(like.shape)}",
                hint="frames, size and model must be those that the run was begun with",
            )
        scheduled, there = len(self.scheduler.values["timesteps"]), len(scheduler.timesteps)
        if scheduled != there:
            raise SamplerError(
                f"the state is of a schedule of {scheduled} steps, and the run has {there}",
                hint="sampling.steps must be what the run was begun with",
            )
        if (generator is None) != (self.generator is None):
            raise SamplerError("the state and the run differ in whether their steps draw noise", hint="begin the run anew")
        self.scheduler.onto(scheduler, like.device)
        if generator is not None and self.generator is not None:
            generator.set_state(self.generator)
        return self.latents.to(like.device, copy=True)

    def write(self, path: Path) -> None:
        """Write it to a file, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        scheduler = {"kind": self.scheduler.kind, "config": dict(self.scheduler.config), "values": dict(self.scheduler.values)}
        write_tensors(path, {"step": self.step, "latents": self.latents, "scheduler": scheduler, "generator": self.generator})

    @classmethod
    def read(cls, path: Path) -> SamplerState:
        """The state in a file that `write` wrote.

        Raises:
            SamplerError: it is missing, damaged, or something else.
        """
        data: Any = read_tensors(path)
        try:
            return cls(data["step"], data["latents"], SchedulerState(**data["scheduler"]), data["generator"])
        except (KeyError, TypeError) as error:
            raise SamplerError(f"{path} holds no state of a sampler", hint="begin the run anew") from error
