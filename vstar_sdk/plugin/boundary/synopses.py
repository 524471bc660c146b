"""The contract of synopsis writers."""

from __future__ import annotations

from typing import Any, cast

from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call, ContractFault, described
from vstar_sdk.plugin.boundary.contract import Contract, Member
from vstar_sdk.synopses import State, Synopsis


def fault(value: Any) -> str | None:
    """How a value is not a synopsis that a run can go on with, or None when it is one."""
    if not isinstance(value, Synopsis):
        return f"returned {described(value)}, not a Synopsis"
    states: Any = value.states
    if not isinstance(states, tuple) or not states:
        came = "empty" if states == () else described(cast(object, states))
        return f"returned a synopsis whose states are {came}, not a tuple of State"
    for index, state in enumerate(cast(tuple[Any, ...], states), 1):
        if not isinstance(state, State):
            return f"returned a synopsis whose state {index} is {described(state)}, not a State"
        if not values.text(state.caption):
            return f"returned a synopsis in which the caption of state {index} is {described(state.caption)}, not text"
        if not state.caption.strip():
            return f"returned a synopsis in which the caption of state {index} is empty"
    if not values.text(value.style) or not values.or_none(values.text)(value.negative_prompt):
        return "returned a synopsis whose style or negative_prompt is not text"
    if not values.all_of(str)(value.warnings) or not values.all_of(dict)(value.transcript):
        return "returned a synopsis whose warnings are not texts, or whose transcript is not a list of mappings"
    return None


def _synopsis(value: Any, call: Call) -> Synopsis:
    if (how := fault(value)) is not None:
        raise ContractFault(how)
    return value


CONTRACT = Contract(
    "SynopsisWriter",
    (
        Member("offline", values.instance(bool), None),
        Member("write", _synopsis, ("brief",)),
        Member("close"),
        Member("check", parameters=("brief",), optional=True),
    ),
)
