"""The contract of regularizers. The functions inside their operations are guarded where the attention is compiled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from vstar_sdk.attention.operations import Operation
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Broken, Call, described
from vstar_sdk.plugin.boundary.contract import Contract, Member


def _operations(value: Any, call: Call) -> list[Operation]:
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | dict):
        raise Broken(f"returned {described(cast(object, value))}, not a list of operations")
    operations = list(cast(Iterable[Any], value))
    for operation in operations:
        if not isinstance(operation, Operation):
            hint = "operations are Bias, Scale, Logits, Mix and Wrap of vstar_sdk"
            raise Broken(f"gave {described(operation)}, which is no operation", hint)
    return operations


CONTRACT = Contract(
    "Regularizer",
    (
        Member("operations", _operations, ("site",)),
        Member("options", values.instance(RegularizerOptions), None),
    ),
)
