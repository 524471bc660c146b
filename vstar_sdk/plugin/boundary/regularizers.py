"""The contract of regularizers, and of their memories.

The functions inside operations are guarded where the attention is compiled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any, cast, get_args

from vstar_sdk.attention.operations import OPERATIONS, Branches, Operation, Statistic
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call, ContractFault, described
from vstar_sdk.plugin.boundary.contract import Contract, Member

_CHOICES: dict[str, tuple[str, ...]] = {"stat": get_args(Statistic), "branches": get_args(Branches)}
"""Fields of operations that hold one of a few words."""


def _operations(value: Any, call: Call) -> list[Operation]:
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | dict):
        raise ContractFault(f"returned {described(cast(object, value))}, not a list of operations")
    operations = list(cast(Iterable[Any], value))
    for operation in operations:
        if not isinstance(operation, Operation):
            raise ContractFault(f"gave {described(operation)}, which is not an operation", OPERATIONS)
        _check_fields(operation)
    return operations


def _check_fields(operation: Operation) -> None:
    """Refuse what would fail, or act in another way than it says, where the attention is compiled."""
    what = f"gave {described(operation)}"
    for name, choices in _CHOICES.items():
        if (chosen := getattr(operation, name, choices[0])) not in choices:
            raise ContractFault(f"{what} whose {name} is {chosen!r}", f"{name} is one of {', '.join(choices)}")
    if not callable(fn := getattr(operation, "fn", len)):
        raise ContractFault(f"{what} whose fn is {described(fn)}, not a function")
    for name in ("strength", "weight"):
        number: object = getattr(operation, name, 1.0)
        if isinstance(number, bool) or not isinstance(number, Real) or not math.isfinite(number):
            raise ContractFault(f"{what} whose {name} is {number!r}, not a finite number")


def window(value: Any, call: Call) -> tuple[float, float] | None:
    """A part of the schedule, or None."""
    if value is None:
        return None
    if not isinstance(value, tuple | list) or len(given := tuple(cast(Any, value))) != 2 or not all(map(values.number, given)):
        raise ContractFault(f"returned {described(cast(object, value))}, not a window of two fractions, or None")
    start, end = given
    if not 0.0 <= start < end <= 1.0:
        raise ContractFault(f"returned the window [{start:g}, {end:g}]", "a window is two fractions with 0 <= start < end <= 1")
    return (float(start), float(end))


def _strength(value: Any, call: Call) -> float:
    values.instance(int, float, what="a number")(value, call)
    if not values.number(value) or value < 0:
        raise ContractFault(f"returned {value}", "a strength must be a finite number, at least 0")
    return float(value)


MEMORY = Contract(
    "Memory",
    (
        Member("observe", parameters=("site", "moment", "attention")),
        Member("strength", _strength, ("site", "moment")),
    ),
)


def _memory(value: Any, call: Call) -> Any:
    return MEMORY.contain(value, call.origin)


CONTRACT = Contract(
    "Regularizer",
    (
        Member("operations", _operations, ("site",)),
        Member("options", values.instance(RegularizerOptions), None),
        Member("watches", window, ("site",), optional=True),
        Member("begin", _memory, ("sites", "steps"), optional=True),
        Member("beside", parameters=("site", "before", "after"), optional=True),
    ),
)
