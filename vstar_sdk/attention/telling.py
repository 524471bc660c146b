"""Key states at the sites that read them: what a text part gives, in the plan. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vstar_sdk.attention.operations import SegmentBias, Wrap
from vstar_sdk.attention.plan import AttentionPlan, SitePlan
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.sites import Segment, Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SamplerError, SpecError

if TYPE_CHECKING:
    from torch import Tensor

_WHOLE, _INDEX = (0.0, 1.0), -1
"""A text part acts in all steps, before the first regularizer."""


def reading_sites(addresses: Sequence[SiteAddress], readers: Sequence[SiteAddress]) -> tuple[SiteAddress, ...]:
    """All sites of a model whose frames read the text of key states.

    Args:
        addresses: its attentions over frames.
        readers: where it reads text; a joint site that does is one of the first, too.
    """
    by_name = {address.name: address for address in (*addresses, *readers)}
    return tuple(by_name.values())


def with_text(plan: AttentionPlan, readers: Sequence[SiteAddress], text: str) -> AttentionPlan:
    """The plan in which a text part acts wherever text is read, before the regularizers; what it says is not known yet.

    Args:
        plan: of the regularizers.
        readers: where the model reads text.
        text: the part's name.
    """
    act = Act(text, _WHOLE, (SegmentBias(_untold),), _INDEX)
    touched = {planned.site.name: planned for planned in plan.sites}
    before = len(touched)
    for address in readers:
        if address.name in touched:
            _check_beside(touched[address.name], text)
        planned = touched.get(address.name) or SitePlan(Site.at(address, plan.clock), ())
        touched[address.name] = replace(planned, acts=(act, *planned.acts))
    return replace(plan, sites=tuple(touched.values()), untouched=plan.untouched - (len(touched) - before))


def _check_beside(planned: SitePlan, text: str) -> None:
    """Refuse what would call a joint attention in parts, or without the text part."""
    if planned.branches:
        raise SpecError(
            f"the guidance changes the attention of {planned.site.name}, where {text} has frames read the text of all states",
            hint="use a guidance that compares texts alone, such as cfg, or timeline: {use: blend}",
            path=("sampling", "guidance"),
        )
    for act in planned.acts:
        if any(isinstance(one, Wrap) for one in act.operations):
            raise SpecError(
                f"{act.regularizer}: has a Wrap at {planned.site.name}, where {text} has frames read the text of all states",
                hint="remove it, or use timeline: {use: blend}",
                path=("regularizers", act.index),
            )


def told(plan: AttentionPlan, bias: Tensor | None, tokens: int, spans: Sequence[tuple[int, int]]) -> AttentionPlan:
    """The plan once the text is known.

    Args:
        plan: from `with_text`.
        bias: ``(latent frames, states)``; None where all frames read one text after all, so that the part does not act.
        tokens: text tokens of each state.
        spans: the first and the last pixel frame that each state rules.
    """
    if bias is None:
        return _untouched(plan)
    given = bias.double().cpu()
    act = SegmentBias(lambda positions, spans: given)
    segments = segments_of(plan.clock, tokens, spans)

    def filled(planned: SitePlan) -> SitePlan:
        if not planned.site.reads:
            return planned
        acts = tuple(replace(one, operations=(act,)) if one.index == _INDEX else one for one in planned.acts)
        return replace(planned, site=Site.at(planned.site, plan.clock, segments), acts=acts)

    return replace(plan, sites=tuple(map(filled, plan.sites)))


def segments_of(clock: Clock, tokens: int, spans: Sequence[tuple[int, int]]) -> tuple[Segment, ...]:
    """The text of every key state, with the latent frames that it rules.

    Args:
        clock: of the clip.
        tokens: text tokens of each state.
        spans: the first and the last pixel frame that each state rules.
    """

    def position(frame: int) -> float:
        return clock.positions[next(latent for latent, span in enumerate(clock.spans) if frame in span)]

    return tuple(Segment(tokens, position(first), position(last)) for first, last in spans)


def _untouched(plan: AttentionPlan) -> AttentionPlan:
    def silent(act: Act) -> Act:
        return replace(act, operations=tuple(one for one in act.operations if not isinstance(one, SegmentBias)))

    sites = [
        replace(
            planned,
            site=replace(planned.site, reads=False),
            acts=tuple(act for act in map(silent, planned.acts) if act.operations),
        )
        for planned in plan.sites
    ]
    touched = tuple(planned for planned in sites if planned.touched)
    return replace(plan, sites=touched, untouched=plan.untouched + len(sites) - len(touched))


def _untold(positions: Tensor, spans: Tensor) -> Tensor:
    raise SamplerError("the plan's text is not known yet", hint="nurse with the plan that told(plan, ...) gives")
