"""The contract of guidances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from vstar_sdk.options import GuidanceOptions
from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call, ContractFault, described
from vstar_sdk.plugin.boundary.contract import Contract, Member
from vstar_sdk.sampling.contract import Branch


def _branches(value: Any, call: Call) -> tuple[Branch, ...]:
    if not isinstance(value, tuple | list) or not value:
        came = "empty" if isinstance(value, tuple | list) else described(cast(object, value))
        raise ContractFault(f"are {came}, not a tuple of vstar_sdk.Branch")
    if odd := [item for item in cast(list[Any], value) if not isinstance(item, Branch)]:
        raise ContractFault(f"hold {described(odd[0])}, not vstar_sdk.Branch alone", 'write Branch("prompt") for "prompt"')
    branches = tuple(cast(list[Branch], value))
    names = [branch.name for branch in branches]
    if len({*names}) < len(names):
        raise ContractFault(f"have a name twice: {', '.join(map(str, names))}")
    if wrong := [branch.name for branch in branches if branch.text not in ("prompt", "negative")]:
        raise ContractFault(f"have for {wrong[0]} a text that is neither 'prompt' nor 'negative'")
    for branch in branches:
        if branch.operations is not None and not callable(branch.operations):
            raise ContractFault(
                f"have for {branch.name} operations that are {described(branch.operations)}, not a function of a site"
            )
        start, stop = branch.window
        if not 0.0 <= start < stop <= 1.0:
            raise ContractFault(f"have for {branch.name} a window [{start:g}, {stop:g}] that is no part of the schedule")
    return branches


def _guided(value: Any, call: Call) -> Any:
    predictions: Mapping[str, Any] = call.arguments["predictions"]
    return values.finite(values.like(value, next(iter(predictions.values())), "predictions"), call)


def _kept(value: Any, call: Call) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ContractFault(f"returned {described(value)}, not a mapping")
    return cast(Mapping[str, Any], value)


CONTRACT = Contract(
    "Guidance",
    (
        Member("options", values.instance(GuidanceOptions), None),
        Member("branches", _branches, None),
        Member("combine", _guided, ("predictions", "scale", "moment")),
        Member("begin", optional=True),
        Member("state", _kept, optional=True),
        Member("resume", parameters=("state",), optional=True),
    ),
)
