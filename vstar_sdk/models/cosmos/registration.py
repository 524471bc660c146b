"""Offers the family of Cosmos Predict 2.5. No torch."""

from __future__ import annotations

from vstar_sdk.parts import RegisterFamily, hookimpl


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer the family."""
    register("CosmosTransformer3DModel", family="vstar_sdk.models.cosmos.family:COSMOS")
