"""Recording of attention maps: averages into buffers that are made beforehand.

::

    recording = Recording([Site.at(address, plan.clock) for address in facts.sites], steps=[0, 13])
    with nurse(unet, plan, family, recording=recording) as nursing:
        ...
    recording.maps()   # (steps, sites, frames, frames)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from vstar_sdk.attention.executors import Executor, JointExecutor
from vstar_sdk.attention.joint_segments import SegmentedJointAttention
from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.rotation import RotatedAttention
from vstar_sdk.attention.sites import Site
from vstar_sdk.attention.wrapping import WrappedAttention
from vstar_sdk.errors import SamplerError

CHUNK = 2**24
"""Numbers of a chunk of maps before they are averaged: 64 MiB in float32."""


class Recording:
    """The attention maps of some sites in some steps, averaged over positions, heads and guidance branches (those alone that the
    guidance nurses as the regularizers say). Of a sampler that takes a step several times, the last time counts.

    A map is what the values are multiplied with, after all operations of the site: the executor is asked for the identity in the
    place of the values. (The function of a `Wrap` that is not linear in the values has no map; what is recorded for it is what
    it makes of the identity.)

    Args:
        sites: which, in the order in which they are wanted.
        steps: of the schedule, from 0.
        heads: keep the maps of a site's heads apart.
    """

    def __init__(self, sites: Sequence[Site], steps: Iterable[int], *, heads: bool = False) -> None:
        self.sites, self._heads = tuple(sites), heads
        self.steps = tuple(sorted(set(steps)))
        if not _of_a_clip(self.sites):
            raise SamplerError("a recording needs the sites of a clip", hint="Site.at(address, clock) makes one")
        frames = {site.frames for site in self.sites}
        if len(frames) != 1 or not self.steps or self.steps[0] < 0:
            raise SamplerError("a recording needs sites of one clip, and at least one step from 0 on")
        size = frames.pop()
        shape = (len(self.steps), len(self.sites))
        apart = (max(site.heads for site in self.sites),) if heads else ()
        self._sums, self._counts = (
            torch.zeros(*shape, *apart, size, size, dtype=torch.float32),
            torch.zeros(shape, dtype=torch.float32),
        )

    def to(self, device: torch.device | str) -> Recording:
        """Put the buffers on a device, before the run."""
        self._sums, self._counts = self._sums.to(device), self._counts.to(device)
        return self

    def maps(self) -> Tensor:
        """The maps ``(steps, sites, frames, frames)``, float32, on the CPU; each row of each sums to 1 (see `Slot.add` for text).

        With heads apart ``(steps, sites, heads, frames, frames)``, 0 for heads that a site does not have.

        Raises:
            SamplerError: a site did not run in one of the steps.
        """
        counts = self._counts.cpu()
        missing: list[list[int]] = cast(Any, (counts == 0).nonzero()).tolist()
        for step, site in missing[:1]:
            raise SamplerError(f"{self.sites[site].name} did not run in step {self.steps[step]}, so it has no map")
        return self._sums.cpu() / counts.reshape(*counts.shape, *[1] * (self._sums.ndim - counts.ndim))

    def seen(self) -> Iterator[tuple[Site, int, Tensor]]:
        """Site, step and map of those that ran: in the order of the steps, and of the network.

        A map is ``(frames, frames)``, or ``(heads, frames, frames)`` with the site's heads apart.
        """
        sums, counts = self._sums.cpu(), self._counts.cpu()
        for place, step in enumerate(self.steps):
            for number, site in enumerate(self.sites):
                if count := float(counts[place, number]):
                    total = sums[place, number]
                    yield site, step, (total[: site.heads] if self._heads else total) / count

    def turn(self, index: int) -> None:
        """A schedule begins, or goes back: what was recorded of the steps that come again is forgotten.

        Args:
            index: of the step that comes next.
        """
        again = bisect_left(self.steps, index)
        self._sums[again:].zero_()
        self._counts[again:].zero_()

    def state(self) -> dict[str, Tensor]:
        """What was recorded until now, on the CPU, to go on from in this process or another."""
        return {"sums": self._sums.to("cpu", copy=True), "counts": self._counts.to("cpu", copy=True)}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave.

        Raises:
            SamplerError: it is of other sites, steps or frames.
        """
        if not state or state["sums"].shape != self._sums.shape:
            raise SamplerError("the state holds no recorded maps of these sites and steps", hint="start the run again")
        self._sums.copy_(state["sums"])
        self._counts.copy_(state["counts"])

    def slot(self, site: Site, step: int) -> Slot | None:
        """Where the maps of a site go in a step; None when they are not wanted."""
        if step not in self.steps or site not in self.sites:
            return None
        where = self.steps.index(step), self.sites.index(site)
        total = self._sums[where]
        return Slot(total[: site.heads] if self._heads else total, self._counts[where])


def _of_a_clip(sites: Iterable[object]) -> bool:
    """Whether all are sites, and none an address, which has no clip."""
    return all(isinstance(site, Site) for site in sites)


class Slot:
    """The buffers of one site and step: a sum of maps, and how many they are.

    Args:
        total: ``(frames, frames)``, or ``(heads, frames, frames)`` to keep heads apart.
        count: 0-d.
    """

    def __init__(self, total: Tensor, count: Tensor) -> None:
        self._total, self._count = total, count

    @classmethod
    def empty(cls, frames: int, device: torch.device) -> Slot:
        """A slot with buffers of its own."""
        with torch.inference_mode(False):  # they may outlive the mode that they are first used in
            return cls(
                torch.zeros(frames, frames, dtype=torch.float32, device=device),
                torch.zeros((), dtype=torch.float32, device=device),
            )

    @torch.no_grad()
    def clear(self) -> None:
        """Forget what was added."""
        self._total.zero_()
        self._count.zero_()

    def mean(self) -> Tensor | None:
        """The average map ``(frames, frames)``, on the CPU; None where nothing was added."""
        count = float(self._count)
        return self._total.cpu() / count if count else None

    @torch.no_grad()
    def add(self, attend: Executor, query: Tensor, key: Tensor, layout: Layout = ALL_VIDEO) -> None:
        """Add the maps of one call.

        Args:
            attend: the executor of the site.
            query: ``(batch, heads, frames * positions, head_dim)``; one position at factorised sites.
            key: likewise.
            layout: of a joint site whose sequence holds text too: the map says how a query's attention to the video is divided.
                A query without any, as far as its precision can tell, has no say in it; the row of a frame without others is 0.
        """
        batch, heads, tokens, head_dim = query.shape
        frames, video = self._total.shape[-1], layout.video(tokens)
        alike = (0, 3) if self._total.ndim == 3 else (0, 1, 3)
        positions = (video.stop - video.start) // frames
        # One-hot vectors of the keys' frames; many tokens need fused attention, which wants values as wide as the keys.
        width = frames if positions == 1 else max(frames, head_dim)
        values = torch.zeros(tokens, width, dtype=query.dtype, device=query.device)
        values[video] = torch.eye(frames, width, dtype=query.dtype, device=query.device).repeat_interleave(positions, dim=0)
        # The function of a wrap may ask how its batch is laid out, so that it sees all of it.
        size = (
            batch
            if isinstance(attend, WrappedAttention | RotatedAttention | SegmentedJointAttention)
            else max(1, CHUNK // (heads * tokens * width))
        )
        rows, seeing = torch.zeros_like(self._total), torch.zeros_like(self._total[..., :1])
        for start in range(0, batch, size):
            some = slice(start, start + size)
            q, k, v = query[some], key[some], values.expand(len(query[some]), heads, -1, -1)
            if layout is ALL_VIDEO:
                maps = torch.unflatten(attend(q, k, v)[..., :frames], 2, (frames, positions))
                self._total.add_(maps.sum(alike, dtype=torch.float32).to(self._total.device))
                continue
            maps = cast(JointExecutor, attend)(q, k, v, layout=layout.of(some))[:, :, video, :frames].float()
            maps = torch.unflatten(maps, 2, (frames, positions))
            to_video = maps.sum(dim=-1, keepdim=True)
            divided = torch.where(to_video > 0.0, maps / to_video, 0.0)
            rows.add_(divided.sum(alike).to(rows.device))
            seeing.add_((to_video > 0.0).sum(alike).to(rows.device))
        count = batch * positions * (heads if self._total.ndim == 2 else 1)
        if layout is not ALL_VIDEO:
            self._total.add_(rows * (count / seeing.clamp_min(1.0)))
        self._count.add_(count)
