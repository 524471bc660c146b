"""The extension: the list of nodes."""

from __future__ import annotations

from typing import Any

from .apply import VstarApply
from .host import latest
from .plan import VstarPlan
from .regularizers import VstarRegularizer
from .run import VstarRun
from .save import VstarSave
from .synopsis import VstarSynopsis


class Vstar(latest.ComfyExtension):
    """Everything that the pack brings."""

    async def get_node_list(self) -> list[Any]:
        """The node classes."""
        return [VstarSynopsis, VstarRegularizer, VstarPlan, VstarApply, VstarRun, VstarSave]
