"""Joint self-attention of Wan, whose attention has a class of its own: its nursed processor."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.transformers.transformer_skyreels_v2 import SkyReelsV2Attention, SkyReelsV2AttnProcessor
from diffusers.models.transformers.transformer_wan import WanAttention, WanAttnProcessor
from torch import Tensor

from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.joint_attention import check_stands_in, check_tokens

ATTENTIONS = (WanAttention, SkyReelsV2Attention)
"""Two classes that are the same."""


class WanProcessor(NursedProcessor):
    """Self-attention over all tokens of a clip; with nothing to do it equals ``WanAttnProcessor``, and SkyReels V2's."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Self-attention over tokens (the signature is diffusers').

        Args:
            attn: a ``WanAttention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: None, for this is self-attention.
            attention_mask: None.
            rotary_emb: cosines and sines of every token, ``(1, tokens, 1, head_dim)``.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: the call is not a self-attention over the planned number of frames.
        """
        check_tokens(self.site, hidden_states, encoder_hidden_states, attention_mask, self.shares)
        # The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
        projected = (attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(hidden_states)), attn.to_v(hidden_states))
        query, key, value = (x.unflatten(2, (attn.heads, -1)) for x in projected)
        if rotary_emb is not None:
            query, key = _rotate(query, *rotary_emb), _rotate(key, *rotary_emb)
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        out = self.attention(query, key, value).transpose(1, 2).flatten(2).type_as(query)
        return attn.to_out[1](attn.to_out[0](out))


class WanTextProcessor(NursedProcessor):
    """Cross-attention to the text; with nothing to do it equals ``WanAttnProcessor``."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Cross-attention (the signature is diffusers').

        Args:
            attn: a ``WanAttention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: the text of all key states, ``(batch, text tokens, channels)``.
            attention_mask: None.
            rotary_emb: None.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: the call has another number of frames than planned.
        """
        del rotary_emb
        check_tokens(self.site, hidden_states, None, attention_mask, self.shares)
        query, key = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(encoder_hidden_states))
        projected = (query, key, attn.to_v(encoder_hidden_states))
        query, key, value = (x.unflatten(2, (attn.heads, -1)).transpose(1, 2) for x in projected)
        out = self.reading(query, key, value).transpose(1, 2).flatten(2).type_as(query)
        return attn.to_out[1](attn.to_out[0](out))


def reads_text(attn: Any) -> bool:
    """Whether a ``WanAttention`` is one of the text."""
    return attn.is_cross_attention


def wan_processor(attn: Any, site: Site) -> WanProcessor | WanTextProcessor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    parallel = check_stands_in(attn, site, ATTENTIONS, (WanAttnProcessor, SkyReelsV2AttnProcessor), parallel=True)
    if reads_text(attn) != (site.kind == "cross"):
        what = "an attention to text" if site.kind == "cross" else "a self-attention"
        raise ModelError(f"{site.name} is not {what} with {site.heads} heads")
    nursed = WanTextProcessor(site) if site.kind == "cross" else WanProcessor(site)
    nursed.parallel = parallel
    return nursed


def _rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary position embedding: every pair of neighbouring channels turned by its angle (Su et al., 2021).

    Args:
        x: ``(batch, tokens, heads, head_dim)``.
        cosines: ``(1, tokens, 1, head_dim)``, each angle's twice.
        sines: likewise.
    """
    one, other = torch.unflatten(x, -1, (-1, 2)).unbind(-1)
    cos, sin = cosines[..., 0::2], sines[..., 1::2]
    turned = x.new_empty(x.shape)
    turned[..., 0::2] = one * cos - other * sin
    turned[..., 1::2] = one * sin + other * cos
    return turned
