"""A check for models whose frames can read the text of all key states: hidden states are as if they were not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.telling import reading_sites, told, with_text
from vstar_sdk.sampling.conditioning import Conditioning

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.models.contract import Adapter


def check_text_sites(adapter: Adapter, *, frames: int, width: int, height: int, tolerance: float = 1e-5) -> None:
    """Have every frame read one of two key states, and compare with a call that is told this one alone.

    Args:
        adapter: a loaded model whose facts have `text_sites`.
        frames: pixel frames.
        width: in pixels.
        height: in pixels.
        tolerance: how far outputs may be apart.

    Raises:
        AssertionError: its facts have no such sites, or a state that is hidden at all of them still changes something.
    """
    import torch

    facts = adapter.facts
    assert facts.text_sites, "its facts have no text_sites"
    clock = facts.clock(frames, facts.fps)
    seen, hidden, negative = adapter.encode(["a field in summer", "snow", ""])
    latents = torch.randn(adapter.latent_shape(frames, height, width), generator=torch.Generator().manual_seed(0))
    moment = torch.tensor(700)
    for state, others in enumerate(((seen, hidden), (hidden, seen))):
        bias = torch.full((clock.latents, 2), -torch.inf, dtype=torch.float64)
        bias[:, state] = 0.0
        text, _ = Conditioning(torch.stack(others), negative, bias).sequences()
        plan = with_text(plan_attention(reading_sites(facts.sites, facts.text_sites), [], clock), facts.text_sites, "one state")
        spans = [(0, frames // 2 - 1), (frames // 2, frames - 1)]
        with nurse(adapter.denoiser, told(plan, bias, len(seen), spans), adapter.family) as nursing:
            nursing.at(0, 2)
            relayed = adapter.denoise(latents, moment, text[None])
        plain = _alone(adapter, latents, moment, seen, clock.latents)
        apart = float((relayed - plain).abs().max())
        assert apart <= tolerance, f"a state that every frame hides still changes the output, by {apart:.2g}"


def _alone(adapter: Adapter, latents: Tensor, moment: Tensor, text: Tensor, frames: int) -> Tensor:
    """The prediction under one text."""
    return adapter.denoise(latents, moment, text[None, None].expand(1, frames, -1, -1))
