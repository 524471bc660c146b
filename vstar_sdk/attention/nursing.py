"""Nursing: a plan attached to a denoiser while it runs, and taken off again.

::

    with nurse(unet, plan, family) as nursing:
        for step in range(steps):
            nursing.at(step, steps, timestep)
            unet(...)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import torch
from torch import nn

from vstar_sdk.attention.branched import BranchedAttention, Executors, values_attention
from vstar_sdk.attention.call import CallLayout, Current
from vstar_sdk.attention.compiler import Compiled
from vstar_sdk.attention.executors import Executor
from vstar_sdk.attention.layers import layers_left_out
from vstar_sdk.attention.memory import Memories
from vstar_sdk.attention.moment import Moment
from vstar_sdk.attention.plan import AttentionPlan, SitePlan
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.recipe import Act, lower, told_apart
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import ModelError, SamplerError


class Processors(Protocol):
    """How the processors of a network are exchanged: a part of `vstar_sdk.Family`."""

    @property
    def streams(self) -> tuple[str, ...]:
        """See `vstar_sdk.Family.streams`."""
        ...

    def processor(self, attn: Any, site: Site) -> NursedProcessor:
        """See `vstar_sdk.Family.processor`."""
        ...

    def installed(self, attn: Any) -> Any:
        """See `vstar_sdk.Family.installed`."""
        ...

    def install(self, attn: Any, processor: Any) -> None:
        """See `vstar_sdk.Family.install`."""
        ...


class Nursing:
    """Processors at the planned sites of a denoiser; made by `nurse`.

    Attributes:
        recording: takes maps meanwhile, or None.
    """

    def __init__(self, nursed: list[_Nursed], memories: Memories, current: Current, recording: Recording | None = None) -> None:
        self._nursed, self._memories, self._current = nursed, memories, current
        self.recording = recording
        self._planned = [one.plan for one in nursed]

    @property
    def remembers(self) -> tuple[str, ...]:
        """The names of regularizers with a memory."""
        names = [
            one.regularizer for plan in self._planned for one in (*plan.watches, *(act for act in plan.acts if act.remembers))
        ]
        return tuple(dict.fromkeys(names))

    def begin(self, index: int = 0) -> None:
        """Take the schedule again, or a part of it: no memory of a regularizer takes two turns for one.

        A turn that begins at step 0 has memories of its own. One that goes back to a step inside goes on with those that there
        are, for the steps before it were not taken again: they see the maps of its steps once more.

        Args:
            index: of the step that comes next.
        """
        self._memories.turn(index)
        if self.recording is not None:
            self.recording.turn(index)

    def at(self, step: int, steps: int, timestep: float = math.nan) -> None:
        """Go to a step: every site does what the plan says for it.

        Args:
            step: from 0.
            steps: steps of the schedule.
            timestep: of the step, for regularizers that ask.

        Raises:
            SamplerError: something has replaced a processor meanwhile; the site is named.
            PluginError: a regularizer's operation is wrong (found at its first step), or its memory.
        """
        moment = self._current.moment = Moment(step, steps, timestep)
        self._memories.at(moment, self._planned)
        for nursed in self._nursed:
            nursed.at(moment, self._memories)

    def call(
        self, branches: tuple[bool, ...] | Callable[[], tuple[bool, ...]], height: int, width: int, *, names: tuple[str, ...] = ()
    ) -> None:
        """Tell how the next calls of the denoiser are laid out, for wraps that ask and for branches that are changed.

        Args:
            branches: for each video, whether the prompt conditions it; or what tells it when it is asked.
            height: of the latents.
            width: of the latents.
            names: for each video, which branch of the guidance it is; none where the guidance changes none.
        """
        self._current.layout = CallLayout(branches if callable(branches) else lambda: branches, height, width, names)


class _Nursed:
    """One site: its module, our processor, and the executors compiled for it so far."""

    def __init__(self, plan: SitePlan, attn: Any, family: Processors, recording: Recording | None, current: Current) -> None:
        self._attn, self._family = attn, family
        self._processor, self._original = family.processor(attn, plan.site), family.installed(attn)
        self._processor.current = current
        self.plan, self._recording, self._current = plan, recording, current
        self._compiled: dict[tuple[str | bool | int | None, ...], Compiled] = {}
        self._branched: dict[tuple[int, ...], BranchedAttention] = {}

    def open(self) -> None:
        """Put our processor to the site."""
        self._family.install(self._attn, self._processor)

    def close(self) -> None:
        """Put the model's own back."""
        self._family.install(self._attn, self._original)

    def at(self, moment: Moment, memories: Memories) -> None:
        """See `Nursing.at`."""
        there = self._family.installed(self._attn)
        if there is not self._processor:
            raise SamplerError(
                f"{self.plan.site.name}: the attention processor was replaced by {type(there).__name__} during the run",
                hint="fuse_qkv_projections, set_attention_slice, load_ip_adapter and the like do this: call them before",
            )
        strengths = self._strengths(moment, memories)
        acts = [act for act in self.plan.acts if act.index in strengths]
        weight = next(self._attn.parameters())
        own = self._attends(acts, strengths, weight)
        changed: dict[str, Executors] = {}
        for branch in self.plan.branches:
            if branch.skip is not None and branch.skip.what == "scores":
                changed[branch.branch] = {None: values_attention}
            elif branch.act is not None:
                changed[branch.branch] = self._attends([*acts, branch.act], strengths, weight, branch.branch)
        if changed or None not in own:
            key = tuple(strengths)
            if key not in self._branched:
                self._branched[key] = BranchedAttention(own, changed, self._current)
            self._processor.attend = self._branched[key]
        else:
            self._processor.attend = own[None]
        recorded = self._recording.slot(self.plan.site, moment.step) if self._recording is not None else None
        watched = memories.slot(self.plan, moment, torch.device("cpu") if weight.is_meta else weight.device)
        self._processor.slots = tuple(slot for slot in (recorded, watched) if slot is not None)

    def _attends(
        self, acts: Sequence[Act], strengths: Mapping[int, float], weight: torch.Tensor, branch: str | None = None
    ) -> Executors:
        """The executors of some acts, as strong as they are now; of the branch that adds acts of its own, or of all others."""
        found: dict[bool | None, Executor] = {}
        for prompted in told_apart(acts):
            key = (branch, prompted, *(act.index for act in acts))
            if key not in self._compiled:
                recipe = lower(acts, self.plan.site.kind, prompted, fused=self.plan.site.fused)
                self._compiled[key] = Compiled(self.plan.site, recipe, self._current)
                if not weight.is_meta:
                    self._compiled[key].prepare(weight.device, weight.dtype)
            self._compiled[key].tune({act.index: strengths[act.index] for act in acts if act.constant is None})
            found[prompted] = self._compiled[key].attend
        return found

    def _strengths(self, moment: Moment, memories: Memories) -> dict[int, float]:
        """The strength of every regularizer that acts in a step; at 0 it does not, and the attention is the plain one."""
        strengths = {act.index: act.at(moment.step, moment.steps) for act in self.plan.active(moment.step, moment.steps)}
        for act in self.plan.acts:
            if act.remembers and strengths.get(act.index):
                strengths[act.index] *= memories.strength(act.index, self.plan.site, moment)
        return {index: strength for index, strength in strengths.items() if strength != 0.0}


@contextmanager
def nurse(
    denoiser: nn.Module,
    plan: AttentionPlan,
    family: Processors,
    *,
    recording: Recording | None = None,
    memories: Memories | None = None,
) -> Generator[Nursing]:
    """Attach a plan to a denoiser, and restore the denoiser exactly at the end, whatever happens.

    Until `Nursing.at` is called the sites compute plain attention. Sites that neither the plan nor the recording names are not
    touched.

    Args:
        denoiser: the network whose modules the plan's sites name.
        plan: from `plan_attention`.
        family: of the network; an adapter's `family`.
        recording: takes the maps of its sites and steps.
        memories: of the plan's regularizers, where they outlast this nursing; None makes them for it alone.

    Raises:
        ModelError: a site does not exist, is not the attention that the plan takes it for, or does more than plain attention.
        SamplerError: the recording is of another clip than the plan.
    """
    named = {planned.site.name: planned.site for planned in plan.sites}
    for site in recording.sites if recording is not None else ():
        planned = named.get(site.name, site)
        if planned != site or site.frames != plan.frames:
            raise SamplerError(
                f"{site.name} is recorded for {site.frames} frames at {site.fps:g} fps, and the plan is for {plan.frames} at "
                f"{planned.fps:g}",
                hint="make the recording's sites with the plan's (latent) frames and frames a second",
            )
    recorded = [SitePlan(site, ()) for site in recording.sites if site.name not in named] if recording is not None else []
    current, own = Current(), Memories(plan.remembering)
    planned_sites = (*plan.sites, *recorded)
    nursed = [_Nursed(planned, _find(denoiser, planned.site), family, recording, current) for planned in planned_sites]
    with ExitStack() as opened:
        opened.enter_context(layers_left_out(denoiser, plan.sites, current, family.streams))
        for site in nursed:
            opened.callback(site.close)
            site.open()
        yield Nursing(nursed, memories or own, current, recording)
        own.end()


def _find(denoiser: nn.Module, site: Site) -> Any:
    """The module at a site."""
    try:
        return denoiser.get_submodule(site.name)
    except AttributeError:
        raise ModelError(f"{type(denoiser).__name__} has no module {site.name}, which the plan names as a site") from None
