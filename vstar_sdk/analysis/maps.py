"""Recorded maps of one clip, head by head, and what groups of them say together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import torch

from vstar_sdk.analysis.numbers import Numbers, numbers_of
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.errors import SpecError
from vstar_sdk.runs.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 1 << 30
"""Bytes of the maps of one clip: 64 heads of 64 sites over 256 frames."""


@dataclass(frozen=True)
class Where:
    """What to record.

    Attributes:
        at: when, as a part of the schedule, 0 to 1.
        levels: that are recorded; none: all.
        blocks: first and last block, of a model that is a stack; None: all.
    """

    at: float = 0.5
    levels: tuple[int, ...] = ()
    blocks: tuple[int, int] | None = None

    def step(self, steps: int) -> int:
        """The step: that under way when the part ``at`` of the schedule is done."""
        return min(round(self.at * steps), steps - 1)

    def sites(self, plan: Plan) -> list[Site]:
        """The sites to record, as many as memory allows.

        Raises:
            SpecError: there are none, or their maps are larger than `LARGEST`.
        """
        clock = plan.facts.clock(plan.settings.frames, plan.settings.fps)
        sites = [Site.at(address, clock) for address in plan.facts.sites if self._chosen(address)]
        if not sites:
            there = ", ".join(map(str, plan.facts.levels)) or "none"
            raise SpecError(
                f"{plan.facts.name} has no attention over frames to record there; its levels are {there}",
                hint="name other levels or blocks" if plan.facts.levels else "use a model with attention over frames",
            )
        size = 4 * len(sites) * max(site.heads for site in sites) * clock.latents**2
        if size > LARGEST:
            raise SpecError(
                f"the maps of {len(sites)} attentions over {clock.latents} frames would take {size / 2**30:.1f} GiB",
                hint="name one level (--level), some blocks (--blocks), or fewer frames",
            )
        return sites

    def _chosen(self, site: SiteAddress) -> bool:
        if site.kind == "cross" or site.block == "init" or (self.levels and site.level not in self.levels):
            return False
        return self.blocks is None or (site.index is not None and self.blocks[0] <= site.index <= self.blocks[1])


@dataclass(frozen=True, eq=False)
class Heads:
    """The maps of one site.

    Attributes:
        site: where.
        maps: ``(heads, frames, frames)``, float32, on the CPU: means over positions and guidance branches.
    """

    site: Site
    maps: Tensor

    @cached_property
    def numbers(self) -> tuple[Numbers, ...]:
        """Of each head."""
        return tuple(numbers_of(one, self.site) for one in self.maps)


@dataclass(frozen=True, eq=False)
class Group:
    """The sites of a level, or of a block where the model is a stack.

    Attributes:
        name: ``level 0``, ``block 12``.
        sites: how many.
        heads: of all of them.
        mean: map over all of these, ``(frames, frames)``.
        numbers: of the mean; the entropy is the mean of those of the heads.
    """

    name: str
    sites: int
    heads: int
    mean: Tensor
    numbers: Numbers


@dataclass(frozen=True, eq=False)
class Maps:
    """The maps of one clip at one step.

    Attributes:
        name: of the clip, for people.
        kind: ``generated`` or ``real``.
        model: its name.
        step: of the schedule, from 0.
        steps: of the schedule.
        timestep: of the step, on the model's scale.
        found: of each site, in the order of the network.
    """

    name: str
    kind: Literal["generated", "real"]
    model: str
    step: int
    steps: int
    timestep: float
    found: tuple[Heads, ...]

    @property
    def site(self) -> Site:
        """Any site, for what all share: frames, rate, clock."""
        return self.found[0].site

    def words(self) -> str:
        """``16 frames, step 12 of 25``."""
        return f"{self.site.clock.frames} frames, step {self.step} of {self.steps}"

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """By level, or by block; in order."""
        together: dict[tuple[str, int], list[Heads]] = {}
        for one in self.found:
            key = ("level", one.site.level) if one.site.index is None else ("block", one.site.index)
            together.setdefault(key, []).append(one)
        return tuple(_group(f"{what} {number}", together[what, number]) for what, number in sorted(together))

    def json(self) -> dict[str, Any]:
        """Everything but the maps of single heads, as JSON data."""
        clock = self.site.clock
        return {
            "name": self.name,
            "kind": self.kind,
            "model": self.model,
            "step": self.step,
            "steps": self.steps,
            "timestep": self.timestep,
            "frames": clock.frames,
            "fps": clock.fps,
            "latent_frames": clock.latents,
            "frames_per_latent": clock.rhythm.regular,
            "positions": [*clock.positions],
            "groups": [
                {
                    "name": group.name,
                    "sites": group.sites,
                    "heads": group.heads,
                    **group.numbers.json(),
                    "map": _rounded(group.mean),
                }
                for group in self.groups
            ],
            "heads": [
                {"site": one.site.name, "level": one.site.level, "head": head, **each.json()}
                for one in self.found
                for head, each in enumerate(one.numbers)
            ],
        }

    def tensors(self) -> dict[str, Tensor]:
        """The maps of all heads by the names of their sites: ``(heads, frames, frames)``."""
        return {one.site.name: one.maps for one in self.found}


def found_in(seen: Iterable[tuple[Site, int, Tensor]]) -> tuple[Heads, ...]:
    """What a recording saw, which is of one step.

    Raises:
        SpecError: nothing.
    """
    found = tuple(Heads(site, maps) for site, _, maps in seen)
    if not found:
        raise SpecError("none of the attentions ran in that step", hint="choose another moment with --at")
    return found


def _group(name: str, members: Sequence[Heads]) -> Group:
    heads = sum(len(one.maps) for one in members)
    mean = torch.stack([one.maps.sum(dim=0) for one in members]).sum(dim=0) / heads
    entropy = sum(numbers.entropy for one in members for numbers in one.numbers) / heads
    return Group(name, len(members), heads, mean, replace(numbers_of(mean, members[0].site), entropy=entropy))


def _rounded(matrix: Tensor) -> list[list[float]]:
    return matrix.double().numpy().round(6).tolist()
