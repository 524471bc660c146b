"""The state of the sampler between two steps: all that the rest of the schedule needs, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vstar_sdk.errors import SamplerError
from vstar_sdk.sampling.plain_values import taken
from vstar_sdk.sampling.scheduler_state import SchedulerState
from vstar_sdk.sampling.tensor_file import read_tensors, write_tensors

if TYPE_CHECKING:
    from vstar_sdk.sampling.contract import Scheduler


@dataclass(frozen=True, eq=False)
class SamplerState:
    """Where a sampling stands. Going on from it gives the same bits as never having stopped.

    Attributes:
        step: of the schedule, that comes next, from 0.
        latents: after the last of them, ``(1, channels, frames, height, width)``, float32, on the CPU.
        scheduler: what the scheduler carries.
        generator: the state of the generator of the steps' noise, uint8; None where there was none.
        done: steps that are done, of all that the sampler takes.
        memory: what the sampler keeps, tensors on the CPU.
        guidance: what the guidance remembers, likewise.
        draws: the state of the generator of fresh noise; None where there was none.
        maps: the attention maps that were recorded.
    """

    step: int
    latents: Tensor
    scheduler: SchedulerState
    generator: Tensor | None
    done: int
    memory: Mapping[str, Any]
    guidance: Mapping[str, Any]
    draws: Tensor | None
    maps: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])

    @classmethod
    def of(
        cls,
        step: int,
        latents: Tensor,
        scheduler: Scheduler,
        generator: torch.Generator | None,
        *,
        done: int | None = None,
        memory: Mapping[str, Any] | None = None,
        guidance: Mapping[str, Any] | None = None,
        draws: torch.Generator | None = None,
        maps: Mapping[str, Tensor] | None = None,
    ) -> SamplerState:
        """Take the state after a step; everything is copied, and the sampling may go on.

        Args:
            step: of the schedule, that comes next.
            latents: after the one before it.
            scheduler: of the sampling.
            generator: of the noise that the scheduler adds.
            done: steps that are done in all; None: as many as come before ``step``.
            memory: of the sampler.
            guidance: what the guidance remembers.
            draws: the generator of fresh noise.
            maps: the attention maps that were recorded, on the CPU.

        Raises:
            SamplerError: see `SchedulerState.of`; or sampler or guidance keep something that cannot be written down.
        """
        return cls(
            step,
            latents.detach().to("cpu", copy=True),
            SchedulerState.of(scheduler),
            generator.get_state() if generator is not None else None,
            step if done is None else done,
            taken(memory or {}, "the sampler"),
            taken(guidance or {}, "the guidance"),
            draws.get_state() if draws is not None else None,
            maps or {},
        )

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
                f"the state is of latents {tuple(self.latents.shape)}, but the run has {tuple(like.shape)}",
                hint="frames, size and model must not change after the run has started",
            )
        scheduled, there = self.scheduler.steps, len(scheduler.timesteps)
        if scheduled != there:
            raise SamplerError(
                f"the state is of a schedule of {scheduled} steps, but the run has {there}",
                hint="sampling.steps must not change after the run has started",
            )
        if (generator is None) != (self.generator is None):
            raise SamplerError("the state and the run differ in whether their steps draw noise", hint="start the run again")
        self.scheduler.onto(scheduler, like.device)
        if generator is not None and self.generator is not None:
            generator.set_state(self.generator)
        return self.latents.to(like.device, copy=True)

    def write(self, path: Path) -> None:
        """Write it to a file, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        kept = self.scheduler
        scheduler = {"kind": kept.kind, "steps": kept.steps, "config": dict(kept.config), "values": dict(kept.values)}
        data = {one.name: getattr(self, one.name) for one in fields(self)}
        mappings = {name: dict(data[name]) for name in ("memory", "guidance", "maps")}
        write_tensors(path, data | {"scheduler": scheduler} | mappings)

    @classmethod
    def read(cls, path: Path) -> SamplerState:
        """The state in a file that `write` wrote.

        Raises:
            SamplerError: it is missing, damaged, or something else.
        """
        data: Any = read_tensors(path)
        try:
            data["scheduler"] = SchedulerState(**data["scheduler"])
            return cls(**data)
        except (KeyError, TypeError) as error:
            raise SamplerError(f"{path} is not the state of a sampler", hint="start the run again") from error
