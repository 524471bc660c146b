"""The memories of one run: maps from the sites to the regularizers that watch them, and strengths back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from vstar_sdk.attention.moment import Moment, steps_inside
from vstar_sdk.attention.plan import SitePlan
from vstar_sdk.attention.recording import Slot
from vstar_sdk.attention.sites import Site

if TYPE_CHECKING:
    from vstar_sdk.attention.remembering import Memory, RememberingRegularizer


class Memories:
    """Begun with the first step of a run, and told of every step before it is done.

    Several networks of one pipeline may share them.

    Args:
        regularizers: those with a memory, by their place in the spec.
    """

    def __init__(self, regularizers: Mapping[int, RememberingRegularizer]) -> None:
        self._regularizers = regularizers
        self._memories: dict[int, Memory] = {}
        self._moment: Moment | None = None
        self._seen: dict[Site, tuple[SitePlan, Slot]] = {}
        self._buffers: dict[tuple[Site, torch.device], Slot] = {}

    def turn(self, index: int) -> None:
        """A schedule begins, or goes back: the last maps are told. At step 0 all is forgotten; inside, what was seen counts on.

        Args:
            index: of the step that comes next.
        """
        self._tell()
        self._moment = None
        if index == 0:
            self._memories = {}

    def end(self) -> None:
        """The run is over: the last maps are told, and what comes next begins again."""
        self.turn(0)
        self._buffers = {}

    def at(self, moment: Moment, planned: Sequence[SitePlan]) -> None:
        """Go to a step; the maps of the one before are told now. The same step may come again, for another branch.

        Args:
            moment: the step.
            planned: the sites of the network that is to be called.
        """
        if self._moment is not None and (moment.step, moment.steps) == (self._moment.step, self._moment.steps):
            return
        self._tell()
        if not self._memories:
            for index, regularizer in self._regularizers.items():
                concerned = [
                    plan.site
                    for plan in planned
                    if index in (*(act.index for act in plan.acts), *(watch.index for watch in plan.watches))
                ]
                self._memories[index] = regularizer.begin(concerned, moment.steps)
        self._moment = moment

    def strength(self, index: int, site: Site, moment: Moment) -> float:
        """What the memory of a regularizer says, or 1 where it has none."""
        memory = self._memories.get(index)
        return 1.0 if memory is None else memory.strength(site, moment)

    def slot(self, planned: SitePlan, moment: Moment, device: torch.device) -> Slot | None:
        """Where the maps of a site go in this step; None when nobody watches."""
        if not any(moment.step in steps_inside(watch.window, moment.steps) for watch in planned.watches):
            return None
        site = planned.site
        if site not in self._seen:
            slot = self._buffers.get((site, device)) or Slot.empty(site.frames, device)
            slot.clear()
            self._buffers[site, device], self._seen[site] = slot, (planned, slot)
        return self._seen[site][1]

    def _tell(self) -> None:
        seen, moment = self._seen, self._moment
        self._seen = {}
        if moment is None:
            return
        for planned, slot in seen.values():
            attention = slot.mean()
            for watch in planned.watches:
                if attention is not None and moment.step in steps_inside(watch.window, moment.steps):
                    self._memories[watch.index].observe(planned.site, moment, attention.clone())
