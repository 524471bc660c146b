"""What the nodes of this pack hand to each other."""

from __future__ import annotations

from typing import Any

from .host import io

CATEGORY = "video/VSTAR"

Synopsis: Any = io.Custom("VSTAR_SYNOPSIS")
"""A `vstar_sdk.Synopsis`: key states in story order."""

Regularizers: Any = io.Custom("VSTAR_REGULARIZERS")
"""A list of mappings, as a spec has them under ``regularizers``."""
