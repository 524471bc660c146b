"""What a scheduler carries from step to step, as a value.

Schedulers of diffusers keep their memory in attributes: earlier predictions, orders, counters, the step that comes next. All
attributes are taken, whatever they are called, so that nothing need be known of a class.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from vstar_sdk.errors import SamplerError
from vstar_sdk.sampling.plain_values import copied, moved, plain
from vstar_sdk.sampling.schedulers import itself

if TYPE_CHECKING:
    import torch

_CONFIGURATION = ("_internal_dict", "config")
"""The attributes in which diffusers, and we, keep a configuration."""


@dataclass(frozen=True, eq=False)
class SchedulerState:
    """The memory of a scheduler between two steps.

    Attributes:
        kind: its class's name.
        steps: of its schedule.
        config: its configuration.
        values: its attributes, tensors on the CPU.
    """

    kind: str
    steps: int
    config: Mapping[str, Any]
    values: Mapping[str, Any]

    @classmethod
    def of(cls, scheduler: Any) -> SchedulerState:
        """Take the memory of a scheduler; the scheduler goes on unchanged.

        Raises:
            SamplerError: it keeps something that cannot be written down, such as a noise source of its own.
        """
        own = itself(scheduler)
        kind = type(own).__name__
        values: dict[str, Any] = {}
        carried = cast(dict[str, Any], vars(own))
        for name, value in carried.items():
            if name in _CONFIGURATION or inspect.isfunction(value):  # functions are made again from the configuration
                continue
            if not plain(value):
                raise SamplerError(
                    f"the state of {kind} cannot be saved: its {name} is a {type(value).__name__}",
                    hint="use another scheduler for a run that you want to interrupt",
                )
            values[name] = moved(value, copied)
        return cls(kind, len(own.timesteps), _config(own), values)

    def onto(self, scheduler: Any, device: torch.device) -> None:
        """Give the memory to a scheduler of the same configuration whose timesteps are set.

        Args:
            scheduler: made by a `vstar_sdk.SchedulerSource`.
            device: of the latents. What a scheduler keeps on the CPU stays there.

        Raises:
            SamplerError: it is another scheduler, or one of another configuration.
        """
        target = itself(scheduler)
        kind, config = type(target).__name__, _config(target)
        if kind != self.kind:
            raise SamplerError(f"the saved state is for {self.kind}, but the run uses {kind}", hint="start the run again")
        if changed := [name for name in {**config, **self.config} if config.get(name) != self.config.get(name)]:
            raise SamplerError(f"the state was made with another {changed[0]} of {kind}", hint="start the run again")
        for name, value in self.values.items():
            own = getattr(target, name, None)
            where = own.device if isinstance(own, Tensor) else device

            def home(tensor: Tensor, where: torch.device = where) -> Tensor:
                # Numbers mix with tensors of any device as long as they are on the CPU.
                return tensor.to(where if tensor.ndim else "cpu", copy=True)

            setattr(target, name, moved(value, home))


def _config(scheduler: Any) -> dict[str, Any]:
    """The configuration of a scheduler of diffusers; nothing of one that has none."""
    to_json = getattr(scheduler, "to_json_string", None)
    written: dict[str, Any] = json.loads(to_json()) if to_json is not None else {}
    return {name: value for name, value in written.items() if not name.startswith("_")}
