"""Memories that begin again with every run of a pipeline."""

from __future__ import annotations

from typing import Any

from vstar_sdk.attention.memory import Memories
from vstar_sdk.attention.plan import AttentionPlan


class RunMemories:
    """The memories of the run under way, of all denoisers of one pipeline."""

    def __init__(self) -> None:
        self._memories: Memories | None = None
        self._timesteps: Any = None

    def follow(self, scheduler: Any) -> None:
        """See whether a new run has begun: a pipeline sets the timesteps of its scheduler once for each."""
        if scheduler.timesteps is not self._timesteps:
            self.end()
            self._timesteps = scheduler.timesteps

    def of(self, plan: AttentionPlan) -> Memories:
        """The memories for a plan; those of the run, where it has begun."""
        if self._memories is None:
            self._memories = Memories(plan.remembering)
        return self._memories

    def end(self) -> None:
        """The run is over."""
        if self._memories is not None:
            self._memories.end()
