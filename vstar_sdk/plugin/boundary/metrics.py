"""The contract of metrics."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from numbers import Real
from typing import Any, cast

from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call, ContractFault, described
from vstar_sdk.plugin.boundary.contract import Contract, Member, ignored
from vstar_sdk.plugin.boundary.regularizers import window

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _names(value: Any, call: Call) -> tuple[str, ...]:
    names = tuple(cast(Any, value)) if isinstance(value, tuple | list) else ()
    if not names or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise ContractFault(
            f"are {names or described(cast(object, value))}, not a tuple of names in lower case letters, digits and _"
        )
    if len({*names}) < len(names):
        raise ContractFault(f"have a name twice: {', '.join(names)}")
    call.memory["numbers"] = names
    return names


def _finite(value: object) -> bool:
    """A finite number, also one of numpy's; true and false are none."""
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def _numbers(value: Any, call: Call) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ContractFault(f"returned {described(value)}, not a mapping of names to numbers")
    came = cast(Mapping[Any, Any], value)
    for name, number in came.items():
        if not _finite(number):
            raise ContractFault(
                f"returned for {name!r} {number if isinstance(number, float) else described(number)}, not a finite number"
            )
    wanted = call.memory.get("numbers", tuple(came))
    if {*came} != {*wanted}:
        raise ContractFault(f"returned {', '.join(map(str, came)) or 'nothing'}, but its numbers are {', '.join(wanted)}")
    return {name: float(came[name]) for name in wanted}


CONTRACT = Contract(
    "Metric",
    (
        Member("numbers", _names, None),
        Member("begin", ignored, ("clip",)),
        Member("add", ignored, ("frame",), lends={"frame": values.read_only}),
        Member("result", _numbers),
        Member("watches", window, ("site",), optional=True),
        Member("observe", ignored, ("site", "moment", "attention"), optional=True),
    ),
)
