"""Attention of Cosmos Predict 2.5: its nursed processors."""

from __future__ import annotations

from typing import Any

from diffusers.models import embeddings
from diffusers.models.attention_processor import Attention
from diffusers.models.transformers.transformer_cosmos import CosmosAttnProcessor2_0
from torch import Tensor

from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.models.diffusers.joint_attention import check_stands_in, check_tokens

_embeddings: Any = embeddings  # typed in part


class CosmosProcessor(NursedProcessor):
    """Self-attention over all tokens of a clip; with nothing to do it equals ``CosmosAttnProcessor2_0``."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Self-attention over tokens (the signature is diffusers').

        Args:
            attn: an ``Attention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: None, for this is self-attention.
            attention_mask: None.
            image_rotary_emb: cosines and sines of every token, ``(tokens, head_dim)``.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: the call is not a self-attention over the planned number of frames.
        """
        check_tokens(self.site, hidden_states, encoder_hidden_states, attention_mask)
        query, key, value = _projected(attn, hidden_states, hidden_states)
        if image_rotary_emb is not None:
            query, key = (
                _embeddings.apply_rotary_emb(x, image_rotary_emb, use_real=True, use_real_unbind_dim=-2) for x in (query, key)
            )
        return _joined(attn, self.attention(query, key, value), query)


class CosmosTextProcessor(NursedProcessor):
    """Cross-attention to the text; with nothing to do it equals ``CosmosAttnProcessor2_0``."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Cross-attention (the signature is diffusers').

        Args:
            attn: an ``Attention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: the text of all key states, ``(batch, text tokens, channels)``.
            attention_mask: None.
            image_rotary_emb: None.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: the call has another number of frames than planned, or a mask.
        """
        del image_rotary_emb
        check_tokens(self.site, hidden_states, None, attention_mask)
        query, key, value = _projected(attn, hidden_states, encoder_hidden_states)
        return _joined(attn, self.reading(query, key, value), query)


def cosmos_processor(attn: Any, site: Site) -> CosmosProcessor | CosmosTextProcessor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    check_stands_in(attn, site, Attention, (CosmosAttnProcessor2_0,))
    return CosmosTextProcessor(site) if site.kind == "cross" else CosmosProcessor(site)


def _projected(attn: Any, video: Tensor, read: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, ``(batch, heads, tokens, head_dim)``.

    The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
    """
    query, key, value = (
        x.unflatten(2, (attn.heads, -1)).transpose(1, 2) for x in (attn.to_q(video), attn.to_k(read), attn.to_v(read))
    )
    return attn.norm_q(query), attn.norm_k(key), value


def _joined(attn: Any, out: Tensor, query: Tensor) -> Tensor:
    """The output ``(batch, tokens, channels)`` of attention ``(batch, heads, tokens, head_dim)``."""
    return attn.to_out[1](attn.to_out[0](out.transpose(1, 2).flatten(2).type_as(query)))
