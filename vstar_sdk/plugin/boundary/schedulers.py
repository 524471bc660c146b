"""The contract of schedulers: a source, and the scheduler that it makes for a model."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call, ContractFault, described
from vstar_sdk.plugin.boundary.contract import Contract, Member


def _timesteps(value: Any, call: Call) -> Any:
    if values.tensor(value).ndim != 1 or not len(value):
        raise ContractFault(f"are a tensor of shape {tuple(value.shape)}, not one timestep after another")
    return value


def _stepped(value: Any, call: Call) -> tuple[Any, ...]:
    if not isinstance(value, tuple) or not value:
        raise ContractFault(
            f"returned {described(cast(object, value))}, not a tuple that begins with the latents (return_dict=False)"
        )
    stepped = cast(tuple[Any, ...], value)
    values.like(stepped[0], call.arguments["sample"], "latents")
    return stepped


SCHEDULER = Contract(
    "Scheduler",
    (
        Member("timesteps", _timesteps, None),
        Member("set_timesteps", parameters=("num_inference_steps", "device")),
        Member("step", _stepped, ("model_output", "timestep", "sample")),
    ),
)


def _own(config: Any) -> Any:
    """A copy: the configuration is the loaded model's, which later runs use, too."""
    return copy.deepcopy(dict(cast(Mapping[str, Any], config))) if isinstance(config, Mapping) else config


def _scheduler(value: Any, call: Call) -> Any:
    return SCHEDULER.contain(value, call.origin)


CONTRACT = Contract(
    "SchedulerSource",
    (Member("takes_eta", values.instance(bool), None), Member("make", _scheduler, ("config",), lends={"config": _own})),
)
