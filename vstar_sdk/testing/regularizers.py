"""A check for regularizers: real attention over small random tensors, at every kind of site; and attention with some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vstar_sdk.attention.call import CallLayout, Current
from vstar_sdk.attention.moment import Moment
from vstar_sdk.attention.plan import AttentionPlan, SitePlan, plan_attention
from vstar_sdk.attention.sites import RotaryPositions, Segment, Site, SiteAddress
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SpecError
from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.regularizers import CONTRACT

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.attention.remembering import RememberingRegularizer
    from vstar_sdk.regularizers.contract import Regularizer

SITES = (
    SiteAddress("transformer_in", "init", 0, 2, 4),
    SiteAddress("down.0", "down", 0, 2, 4),
    SiteAddress("down.1", "down", 1, 2, 4),
    SiteAddress("mid", "mid", 2, 4, 4),
    SiteAddress("up.1", "up", 1, 2, 4),
    SiteAddress("up.0", "up", 0, 2, 4),
)
"""The temporal attentions of a small network with three levels."""

_ROTARY = RotaryPositions((1.0, 0.1))

STACK = tuple(SiteAddress(f"blocks.{i}", "stack", 0, 2, 4, kind="joint", index=i, rotary=_ROTARY) for i in range(2))
"""The attentions of a small network in which all tokens attend to each other."""

TEXT = SiteAddress("blocks.0.text", "stack", 0, 2, 4, kind="cross", index=0, reads=True)
"""The attention of such a network to the text."""


def check_regularizer(
    regularizer: Regularizer, *, frames: Sequence[int] = (2, 5, 16), sites: Sequence[SiteAddress] = SITES
) -> None:
    """Ask a regularizer for its operations, and run attention with them.

    Its functions are also called for a network in which all tokens attend to each other, and for attention to the text, where it
    has operations there.

    Args:
        regularizer: made with options that have an effect.
        frames: lengths of the clips that are tried.
        sites: the temporal attentions of a model that has the levels which the options name.

    Raises:
        SpecError: its options name a level that is not there, or it touches nothing.
        PluginError: a method fails; it gave something that is not an operation, or that does not give what the operation asks
            for.
        AssertionError: the output is not finite or has another shape, it gave other operations when it was asked again, it
            changes nothing at all, or its memories of the same maps give other strengths.
    """
    regularizer = Call(Origin("the regularizer under test"), "object").checked(
        lambda made, call: CONTRACT.contain(made, call.origin), regularizer
    )
    for length in frames:
        plan = plan_attention(sites, [regularizer], Clock(length, 8.0))
        again = plan_attention(sites, [regularizer], Clock(length, 8.0))
        assert [planned.site for planned in plan.sites] == [planned.site for planned in again.sites], (
            f"asked again, it touches other sites ({length} frames)"
        )
        for remembering in plan.remembering.values():
            _check_memory(remembering, plan)
        changed = [_check(first, second) for first, second in zip(plan.sites, again.sites, strict=True)]
        assert any(changed), (
            f"its operations change nothing at any site ({length} frames): make it with options that act on so short a clip, or "
            f"say which lengths it is for, as in check_regularizer(..., frames=[16])"
        )
        _check_elsewhere(regularizer, Clock(length, 8.0))


def attend(
    regularizers: Sequence[Regularizer],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    site: SiteAddress = SITES[1],
    clock: Clock | None = None,
    moment: Moment | None = None,
    branches: tuple[bool, ...] = (True,),
    height: int = 1,
    width: int = 1,
) -> Tensor:
    """Attention with regularizers, as a run has it at one site: for tests against a formula written out.

    Args:
        regularizers: in the order of the spec; strengths that change are 1.
        query: ``(videos * height * width, heads, frames, head_dim)``.
        key: likewise.
        value: likewise.
        site: where.
        clock: of the clip; None: of a model that does not compress time, at 8 frames a second.
        moment: the step; None: the first of two.
        branches: for each video, whether the prompt conditions it.
        height: of the picture at the site.
        width: likewise.

    Returns:
        The output, of the shape of ``value``.

    Raises:
        SpecError: see `check_regularizer`.
        PluginError: likewise.
    """
    from vstar_sdk.attention.compiler import compile_acts

    now = moment or Moment(0, 2, 999.0)
    plan = plan_attention([site], regularizers, clock or Clock(query.shape[2], 8.0), now.steps)
    current = Current(now, CallLayout(lambda: branches, height, width))
    acts = [act for planned in plan.sites for act in planned.active(now.step, now.steps)]
    return compile_acts(Site.at(site, plan.clock), acts, current)(query, key, value)


def _check_elsewhere(regularizer: Regularizer, clock: Clock) -> None:
    """Call its functions at the other kinds of sites; a regularizer that says that it is not for them is left alone."""
    from vstar_sdk.attention.trial import try_functions

    half = Segment(3, 0.0, clock.length / 2), Segment(2, clock.length / 2, clock.length)
    for addresses in (STACK, [Site.at(TEXT, clock, half)]):
        try:
            plan = plan_attention(addresses, [regularizer], clock)
        except SpecError:
            continue
        try_functions(plan, 2)
        for planned in plan.sites:
            _check_joint(planned)


def _check_joint(planned: SitePlan) -> None:
    """Attention over four positions of every frame."""
    import torch

    from vstar_sdk.attention.compiler import compile_acts

    site = planned.site
    if site.kind == "joint":
        shape = (3, 2, site.heads, site.frames * 4, site.head_dim)
        query, key, value = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        current = Current(Moment(0, 2, 999.0), CallLayout(lambda: (True,) * 2, 2, 2))
        out = compile_acts(site, planned.acts, current)(query, key, value)
        where = f"at {site.name}, {site.frames} frames whose tokens all attend to each other"
        assert bool(torch.isfinite(out).all()), f"{where}: the output is not finite"


def _check(planned: SitePlan, again: SitePlan) -> bool:
    """Whether the operations at a site change anything."""
    import torch

    site = planned.site
    where = f"at {site.name}, {site.frames} frames"
    generator = torch.Generator().manual_seed(0)
    query, key, value = torch.randn((3, 2, site.heads, site.frames, site.head_dim), generator=generator)
    out, second = (_attend(one, query, key, value) for one in (planned, again))
    assert out.shape == value.shape, f"{where}: the output has the shape {tuple(out.shape)}, not {tuple(value.shape)}"
    assert bool(torch.isfinite(out).all()), f"{where}: the output is not finite"
    assert torch.equal(out, second), f"{where}: asked again, it gave other operations"
    plain = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    return not torch.allclose(out, plain, atol=1e-5)


def _attend(planned: SitePlan, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    from vstar_sdk.attention.compiler import compile_acts

    current = Current(Moment(0, 2, 999.0), CallLayout(lambda: (False, True), 1, 1))
    return compile_acts(planned.site, planned.acts, current)(query, key, value)


def _check_memory(regularizer: RememberingRegularizer, plan: AttentionPlan) -> None:
    """Two memories see the same, and must say the same."""
    import torch

    sites = [planned.site for planned in plan.sites]
    memories = [regularizer.begin(sites, 2) for _ in range(2)]
    own = [getattr(memory, "__wrapped__", memory) for memory in memories]
    assert own[0] is not own[1], "begin gives the same memory for two runs"
    generator = torch.Generator().manual_seed(0)
    for step in range(2):
        moment = Moment(step, 2, 999.0 - 500.0 * step)
        told = [{site: memory.strength(site, moment) for site in sites} for memory in memories]
        assert told[0] == told[1], f"step {step}: memories that saw the same give other strengths"
        for planned in plan.sites:
            attention = torch.rand(planned.site.frames, planned.site.frames, generator=generator).softmax(dim=-1)
            for memory in memories if planned.watches else ():
                memory.observe(planned.site, moment, attention.clone())
