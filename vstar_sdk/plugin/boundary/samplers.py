"""The contract of samplers. What a step of theirs raises is the run's: see `vstar_sdk.sampling.denoising`."""

from __future__ import annotations

from typing import Any

from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call, ContractFault, described
from vstar_sdk.plugin.boundary.contract import Contract, Member


def _steps(value: Any, call: Call) -> int:
    if not values.count(value):
        raise ContractFault(
            f"returned {value if isinstance(value, int | float) else described(value)}, not a number of steps from 1"
        )
    return value


def _latents(value: Any, call: Call) -> Any:
    values.tensor(value)
    denoising = call.arguments["denoising"]
    if denoising.done < denoising.total:
        raise ContractFault(f"took {denoising.done} of the {denoising.total} steps that it announced")
    return values.finite(values.like(value, denoising.noise, "latents"), call)


CONTRACT = Contract("Sampler", (Member("steps", _steps, ("schedule",)), Member("sample", _latents, ("denoising",))))
