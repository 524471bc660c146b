"""The contract of noises."""

from __future__ import annotations

from typing import Any

from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call, ContractFault
from vstar_sdk.plugin.boundary.contract import Contract, Member


def _noise(value: Any, call: Call) -> Any:
    came = f"{tuple(values.tensor(value).shape)} {value.dtype} on {value.device}"
    wanted = f"{tuple(call.arguments['shape'])} torch.float32 on cpu"
    if came != wanted:
        raise ContractFault(f"returned {came}, but {wanted} was asked for")
    return values.finite(value, call)


CONTRACT = Contract("Noise", (Member("draw", _noise, ("shape", "clock", "generator")),))
