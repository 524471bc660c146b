"""Regularizers for a program that makes queries, keys and values itself: their attention, compiled, as a callable."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from vstar_sdk.attaching.arguments import read
from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.moment import steps_inside
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import AttentionPlan, plan_attention
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.attention.trial import check_effects
from vstar_sdk.clock import Clock
from vstar_sdk.errors import ModelError, SamplerError, SpecError
from vstar_sdk.options import Options
from vstar_sdk.regularizers.contract import Regularizer

Axes = Literal["bnhd", "bhnd"]
"""Of queries, keys and values: ``(batch, tokens, heads, head_dim)``, as most engines have them, or heads before tokens."""


@dataclass(frozen=True)
class AttentionParams:
    """What one call of an `ExportedAttention` needs to know beside queries, keys and values.

    Attributes:
        site: the name of the attention that is called, as in its `SiteAddress`.
        step: of the schedule, from 0.
        steps: of the schedule.
        timestep: of the step, on the model's scale, for regularizers that ask.
        prompted: for each video of the batch, whether the prompt conditions it; empty where all are.
        size: height and width of the latents (of its tokens, where the model joins several), for wraps that ask.
        before: tokens of a joint sequence that stand before the video's: text, mostly.
        after: tokens that stand behind them.
        visible: ``(batch, tokens)``, bool, over the whole sequence: False for padding; None where nothing is padding.
        scale: of the logits, where it is not ``head_dim ** -0.5``.
        axes: of queries, keys, values and output.
    """

    site: str
    step: int
    steps: int
    timestep: float = math.nan
    prompted: tuple[bool, ...] = ()
    size: tuple[int, int] | None = None
    before: int = 0
    after: int = 0
    visible: Tensor | None = None
    scale: float | None = None
    axes: Axes = "bnhd"


class ExportedAttention:
    """The attention of every site that regularizers touch, for clips of one length: ``exported(q, k, v, params) -> out``.

    Made by `export_attention`. One caller at a time uses it, and gives it the steps of a schedule in their order; step 0 begins
    another run. It computes no gradients. Used in a ``with`` block, or closed by `close`, it tells regularizers with a memory the
    last maps.

    Attributes:
        plan: what is done at every site.
        sites: by name, the sites that are nursed. Others keep the engine's own attention.
    """

    def __init__(self, plan: AttentionPlan, device: torch.device) -> None:
        self.plan = plan
        self.sites: dict[str, Site] = {planned.site.name: planned.site for planned in plan.sites}
        self._planned = {planned.site.name: planned for planned in plan.sites}
        self._places = {name: _Place(device) for name in self.sites}
        self._step: tuple[int, int, float] | None = None
        self._open = ExitStack()
        self._nursing = self._open.enter_context(nurse(_Places(self._places), plan, _PlaceProcessors()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the run under way; the callable may be used again."""
        self._nursing.begin()
        self._step = None

    def acts(self, site: str, step: int, steps: int) -> bool:
        """Whether anything is done at a site in a step. Where not, the engine's own attention gives the same.

        Args:
            site: the name of any attention.
            step: of the schedule, from 0.
            steps: of the schedule.
        """
        planned = self._planned.get(site)
        if planned is None:
            return False
        changed = any(act.at(step, steps) != 0.0 for act in planned.acts)
        return changed or any(step in steps_inside(watch.window, steps) for watch in planned.watches)

    @torch.no_grad()
    def __call__(self, q: Tensor, k: Tensor, v: Tensor, params: AttentionParams) -> Tensor:
        """Attend.

        Args:
            q: queries of the axes that ``params`` names, positions applied, not scaled. At a factorised site the tokens are the
                frames, and the batch holds every position of every video in turn; at a joint one they are the positions of all
                frames, frame by frame, beside the tokens that ``params`` says are none of the video.
            k: keys, likewise.
            v: values, likewise.
            params: of the call.

        Returns:
            The output, of the axes and shape of ``q``.

        Raises:
            SamplerError: the site is none that is nursed, or its tokens are not those of the clip.
            PluginError: an operation of a regularizer is wrong.
        """
        site = self.sites.get(params.site)
        if site is None:
            raise SamplerError(
                f"no regularizer acts at {params.site!r}",
                hint="ask `exported.sites` first, and leave other attentions to the engine",
            )
        if params.axes == "bnhd":
            q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        _check(site, q, k, params)
        self._go_to(params)
        branches = params.prompted or (True,)
        self._nursing.call(branches, *(params.size or (1, 1)))
        if params.scale is not None:
            q = q * (params.scale * math.sqrt(q.shape[-1]))
        plain = not params.before and not params.after and params.visible is None
        layout = ALL_VIDEO if plain else Layout(params.before, params.after, params.visible)
        out = self._places[params.site].processor.attention(q, k, v, layout)
        return out.transpose(1, 2) if params.axes == "bnhd" else out

    def _go_to(self, params: AttentionParams) -> None:
        step = (params.step, params.steps, params.timestep)
        if self._step is not None and step[:2] == self._step[:2]:
            return
        if self._step is None or params.step < self._step[0] or params.steps != self._step[1]:
            self._nursing.begin(params.step)
        self._step = step
        self._nursing.at(*step)


def export_attention(
    regularizers: Sequence[Regularizer | Options | Mapping[str, Any] | str] | None,
    sites: Sequence[SiteAddress],
    clock: Clock,
    *,
    steps: int | None = None,
    device: str | torch.device = "cpu",
    plugins: Iterable[object] = (),
) -> ExportedAttention:
    """Compile regularizers into a callable ``(q, k, v, params) -> out``, for an engine with an attention of its own.

    ::

        exported = vstar_sdk.export_attention(["tar"], vstar_sdk.sites_of("WanTransformer3DModel", config), clock)
        ...
        if exported.acts(layer, step, steps):
            out = exported(q, k, v, vstar_sdk.AttentionParams(layer, step, steps, axes="bhnd"))

    What is computed is what a run computes: the same plan, the same executors.

    Args:
        regularizers: in order, in any form that `vstar_sdk.attach` takes; None for ``tar``. Options that are left out are the
            ones of a run: where all sites are joint, those for joint models.
        sites: all attentions over frames of the network, in its order; see `sites_of`.
        clock: of the clip.
        steps: of the schedule, if they are known: a window that holds none is then an error here.
        device: of the queries, for the maps that a regularizer with a memory is given.
        plugins: objects with hook implementations, whose parts may be named.

    Raises:
        SpecError: a regularizer is wrong, or does nothing at these sites.
        PluginError: a plugin that one names is broken.
    """
    joint = bool(sites) and all(site.kind == "joint" for site in sites)
    chosen, *_ = read(regularizers, None, "linear", None, clock.fps, plugins, joint=lambda _: joint)
    if not chosen:
        raise SpecError("regularizers: there is nothing to export", hint="name at least one", path=("regularizers",))
    plan = plan_attention(sites, chosen, clock, steps)
    check_effects(plan)
    return ExportedAttention(plan, torch.device(device))


def sites_of(denoiser: str, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
    """The self-attentions over frames of a network whose family is known, in the order in which it runs them.

    Args:
        denoiser: its class in diffusers, such as ``WanTransformer3DModel``.
        config: its configuration, as in ``config.json``.

    Raises:
        ModelError: no family knows the class, or the configuration is none of it.
    """
    known = read([], None, "linear", None, 8.0, ())[3]
    if denoiser not in known:
        raise ModelError(f"no family knows {denoiser}", hint=f"known are {', '.join(known.names())}")
    return known.family(denoiser).sites(config)


def _check(site: Site, q: Tensor, k: Tensor, params: AttentionParams) -> None:
    """Refuse tokens that are not those of the clip, which would be taken for other frames."""
    video = q.shape[2] - params.before - params.after
    fits = video == site.frames if site.kind == "factorised" else video > 0 and video % site.frames == 0
    if not fits or q.shape[2] != k.shape[2]:
        raise SamplerError(
            f"{site.name}: {q.shape[2]} queries and {k.shape[2]} keys are not the tokens of {site.frames} frames with "
            f"{params.before} before and {params.after} behind",
            hint="export the regularizers for the clock of this clip, and say which tokens are none of the video",
        )


class _Place(nn.Module):
    """What stands for an attention module: something that holds a processor, on a device."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = nn.Parameter(torch.empty(0, device=device), requires_grad=False)
        self.processor: Any = None


class _Places(nn.Module):
    """A network of nothing but places, found by the names of the sites."""

    def __init__(self, places: Mapping[str, _Place]) -> None:
        super().__init__()
        self._by_name = dict(places)

    def get_submodule(self, target: str) -> nn.Module:
        """The place of a site."""
        return self._by_name[target]


class _PlaceProcessors:
    """Puts processors to places, which keep them."""

    streams: tuple[str, ...] = ()

    def processor(self, attn: Any, site: Site) -> NursedProcessor:
        """A processor that only attends."""
        del attn
        return NursedProcessor(site)

    def installed(self, attn: Any) -> Any:
        """What stands at a place now."""
        return attn.processor

    def install(self, attn: Any, processor: Any) -> None:
        """Put a processor to a place."""
        attn.processor = processor
