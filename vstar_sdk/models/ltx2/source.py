"""LTX-2's family. No torch."""

from __future__ import annotations

from vstar_sdk.parts import RegisterFamily, hookimpl


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("LTX2VideoTransformer3DModel", family="vstar_sdk.models.ltx2.family:LTX2")
