"""A check for regularizers: real attention over small random tensors, at every kind of site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vstar_sdk.attention.plan import SitePlan, plan_attention
from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.clock import Clock

if TYPE_CHECKING:
    from torch import Tensor

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


def check_regularizer(
    regularizer: Regularizer, *, frames: Sequence[int] = (2, 5, 16), sites: Sequence[SiteAddress] = SITES
) -> None:
    """Ask a regularizer for its operations, and run attention with them.

    Args:
        regularizer: made with options that have an effect.
        frames: lengths of the clips that are tried.
        sites: the temporal attentions of a model that has the levels which the options name.

    Raises:
        SpecError: its options name a level that is not there, or it touches nothing.
        PluginError: it gave something that is no operation, or that does not give what the operation asks for.
        AssertionError: the output is not finite or has another shape, it gave other operations when it was asked again, or it
            changes nothing at all.
    """
    for length in frames:
        plan = plan_attention(sites, [regularizer], Clock(length, 8.0))
        again = plan_attention(sites, [regularizer], Clock(length, 8.0))
        assert [planned.site for planned in plan.sites] == [planned.site for planned in again.sites], (
            f"asked again, it touches other sites ({length} frames)"
        )
        changed = [_check(first, second) for first, second in zip(plan.sites, again.sites, strict=True)]
        assert any(changed), f"its operations change nothing at any site ({length} frames)"


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

    return compile_acts(planned.site, planned.acts)(query, key, value)
