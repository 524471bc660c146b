"""Nursing: a plan attached to a denoiser while it runs, and taken off again.

::

    with nurse(unet, plan, family) as nursing:
        for step in range(steps):
            nursing.at(step, steps)
            unet(...)
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from torch import nn

from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.executors import Executor
from vstar_sdk.attention.plan import AttentionPlan, SitePlan
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import ModelError, SamplerError


class Processors(Protocol):
    """How the processors of a network are exchanged: a part of `vstar_sdk.Family`."""

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

    def __init__(self, plan: SitePlan, attn: Any, family: Processors, recording: Recording | None) -> None:
        self._attn, self._family = attn, family
        self._processor, self._original = family.processor(attn, plan.site), family.installed(attn)
        self._plan, self._recording = plan, recording
        self._compiled: dict[tuple[int, ...], Executor] = {}

    def open(self) -> None:
        """Put our processor to the site."""
        self._family.install(self._attn, self._processor)

    def close(self) -> None:
        """Put the model's own back."""
        self._family.install(self._attn, self._original)

    def at(self, step: int, steps: int) -> None:
        """See `Nursing.at`."""
        there = self._family.installed(self._attn)
        if there is not self._processor:
            raise SamplerError(
                f"{self._plan.site.name}: the attention processor was replaced by {type(there).__name__} during the run",
                hint="fuse_qkv_projections, set_attention_slice, load_ip_adapter and the like do this: call them before",
            )
        acts = self._plan.active(step, steps)
        key = tuple(self._plan.acts.index(act) for act in acts)
        if key not in self._compiled:
            self._compiled[key] = compile_acts(self._plan.site, acts)
            weight = next(self._attn.parameters())
            if not weight.is_meta:
                self._compiled[key].prepare(weight.device, weight.dtype)
        self._processor.attend = self._compiled[key]
        self._processor.slot = self._recording.slot(self._plan.site, step) if self._recording is not None else None


@contextmanager
def nurse(
    denoiser: nn.Module, plan: AttentionPlan, family: Processors, *, recording: Recording | None = None
) -> Generator[Nursing]:
    """Attach a plan to a denoiser, and restore the denoiser exactly at the end, whatever happens.

    Until `Nursing.at` is called the sites compute plain attention. Sites that neither the plan nor the recording names are not
    touched.

    Args:
        denoiser: the network whose modules the plan's sites name.
        plan: from `plan_attention`.
        family: of the network; an adapter's `family`.
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
    nursed = [_Nursed(planned, _find(denoiser, planned.site), family, recording) for planned in (*plan.sites, *recorded)]
    try:
        for site in nursed:
            site.open()
        yield Nursing(nursed)
    finally:
        for site in nursed:
            site.close()


def _find(denoiser: nn.Module, site: Site) -> Any:
    """The module at a site."""
    try:
        return denoiser.get_submodule(site.name)
    except AttributeError:
        raise ModelError(f"{type(denoiser).__name__} has no module {site.name}, which the plan names as a site") from None
