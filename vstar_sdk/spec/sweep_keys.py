"""The keys of a sweep, many runs; the other keys are the spec of one run. See `vstar_sdk.sweeps`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from vstar_sdk.options import Options, PartOf

SWEEP = "sweep"
EXECUTOR = "executor"

_RANGE = {
    "type": "object",
    "properties": {"from": {"type": "number"}, "to": {"type": "number"}, "step": {"type": "number", "exclusiveMinimum": 0}},
    "required": ["from", "to"],
    "additionalProperties": False,
}
_VALUES: dict[str, Any] = {"anyOf": [{"type": "array", "minItems": 1, "items": {}}, {"type": "string", "minLength": 1}, _RANGE]}
Axes = Annotated[
    dict[str, Any], WithJsonSchema({"type": "object", "minProperties": 1, "additionalProperties": _VALUES, "title": "Sweep"})
]


class SweepKeys(Options):
    """What a spec of many runs has besides."""

    sweep: Axes | None = Field(default=None, examples=[{"seed": {"from": 0, "to": 9}, "sampling.steps": [12, 25]}])
    """For ``vstar sweep`` only: paths of the spec and their values, all combined. Each is a list, a range
    ``{from: 0, to: 9}``, or the name of a file of values."""
    executor: Annotated[Options | str, PartOf("executors", default="local")] | None = None
    """For ``vstar sweep`` only: where the runs are executed. Default: ``local``, on this machine."""
