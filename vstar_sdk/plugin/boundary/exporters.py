"""The contract of exporters; the disk's errors are told by whoever called."""

from __future__ import annotations

from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.contract import Contract, Member, ignored

CONTRACT = Contract(
    "Exporter",
    (
        Member("path", values.instance(str), None),
        Member("open", ignored, ("target", "clip"), lets=(OSError,)),
        Member("write", ignored, ("frame",), lets=(OSError,), lends={"frame": values.read_only}),
        Member("close", lets=(OSError,)),
        Member("abort"),
        Member("check", parameters=("clip",), optional=True),
        Member("carries_sound", values.instance(bool), None, optional=True),
    ),
)
