"""Nursing: a plan attached to a denoiser while it runs, and taken off again.

::

    with nurse(unet, plan) as nursing:
        for step in range(steps):
            nursing.at(step, steps)
            unet(...)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0, XFormersAttnProcessor
from torch import nn

from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.executors import Executor
from vstar_sdk.attention.joint_processor import NursedJointProcessor, check_joint
from vstar_sdk.attention.plan import AttentionPlan, SitePlan
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.recording import Recording
from vstar_sdk.errors import ModelError, SamplerError

# These three compute plain softmax attention; what another one adds would be lost in replacing it.
_REPLACEABLE = (AttnProcessor, AttnProcessor2_0, XFormersAttnProcessor)


class Nursing:
    """Processors at the planned sites of a denoiser; made by `nurse`."""

    def __init__(self, nursed: list[_Nursed]) -> None:
        self._nursed = nursed

    def at(self, step: int, steps: int) -> None:
        """Go to a step: every site does what the plan says for it.

        Args:
            step: from 0.
            steps: steps of the schedule.

        Raises:
            SamplerError: something has replaced a processor meanwhile; the site is named.
            PluginError: a regularizer's operation is wrong (found at its first step).
        """
        for nursed in self._nursed:
            nursed.at(step, steps)


class _Nursed:
    """One site: its module, our processor, and the executors compiled for it so far."""

    def __init__(self, plan: SitePlan, attn: Any, recording: Recording | None) -> None:
        self.attn = attn
        self.original = attn.processor
        self.processor = NursedJointProcessor(plan.site) if plan.site.kind == "joint" else NursedProcessor(plan.site)
        self._plan, self._recording = plan, recording
        self._compiled: dict[tuple[int, ...], Executor] = {}

    def at(self, step: int, steps: int) -> None:
        if self.attn.processor is not self.processor:
            intruder = type(self.attn.processor).__name__
            raise SamplerError(
                f"{self._plan.site.name}: the attention processor was replaced by {intruder} during the run",
                hint="fuse_qkv_projections, set_attention_slice, enable_free_noise and the like do this: call them earlier",
            )
        acts = self._plan.active(step, steps)
        key = tuple(self._plan.acts.index(act) for act in acts)
        if key not in self._compiled:
            self._compiled[key] = compile_acts(self._plan.site, acts)
            weight = next(self.attn.parameters())
            if not weight.is_meta:
                self._compiled[key].prepare(weight.device, weight.dtype)
        self.processor.attend = self._compiled[key]
        self.processor.slot = self._recording.slot(self._plan.site, step) if self._recording is not None else None


@contextmanager
def nurse(denoiser: nn.Module, plan: AttentionPlan, *, recording: Recording | None = None) -> Iterator[Nursing]:
    """Attach a plan to a denoiser, and restore the denoiser exactly at the end, whatever happens.

    Until `Nursing.at` is called the sites compute plain attention. Sites that neither the plan nor the recording names are not
    touched.

    Args:
        denoiser: the network whose modules the plan's sites name.
        plan: from `plan_attention`.
        recording: takes the maps of its sites and steps.

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
    nursed = [_Nursed(planned, _find(denoiser, planned), recording) for planned in (*plan.sites, *recorded)]
    try:
        for site in nursed:
            site.attn.set_processor(site.processor)
        yield Nursing(nursed)
    finally:
        for site in nursed:
            site.attn.set_processor(site.original)


def _find(denoiser: nn.Module, planned: SitePlan) -> Any:
    """The module at a site, once it is sure that its processor can be replaced."""
    site = planned.site
    try:
        attn: Any = denoiser.get_submodule(site.name)
    except AttributeError:
        raise ModelError(
            f"{type(denoiser).__name__} has no module {site.name}, which the plan names as a temporal attention"
        ) from None
    processor = getattr(attn, "processor", None)
    if site.kind == "joint":
        check_joint(attn, site)
        return attn
    if type(processor) not in _REPLACEABLE:
        raise ModelError(
            f"{site.name} holds {type(processor).__name__}, which nursing cannot stand in for",
            hint="undo what changed its attention (fuse_qkv_projections, an adapter, another nursing) before the run",
        )
    if attn.heads != site.heads or attn.is_cross_attention or attn.spatial_norm is not None:
        raise ModelError(f"{site.name} is not a temporal self-attention with {site.heads} heads")
    return attn
