"""Nodes for ComfyUI: key states, regularizers, a plan, a nursed MODEL, and whole runs of vstar_sdk."""  # noqa: N999  (its folder)

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


async def comfy_entrypoint() -> Any:
    """What ComfyUI asks for the nodes; nothing of it is imported before."""
    from .extension import Vstar

    return Vstar()
