"""Joint self-attention of LTX, whose attention has a class of its own: its nursed processor."""

from __future__ import annotations

from typing import Any

from diffusers.models.transformers import transformer_ltx
from diffusers.models.transformers.transformer_ltx import LTXAttention, LTXVideoAttnProcessor
from torch import Tensor

from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.models.diffusers.joint_attention import check_stands_in, check_tokens

_ltx: Any = transformer_ltx  # typed in part


class LTXProcessor(NursedProcessor):
    """Self-attention over all tokens of a clip; with nothing to do it equals ``LTXVideoAttnProcessor``."""

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
            attn: an ``LTXAttention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: None, for this is self-attention.
            attention_mask: None.
            image_rotary_emb: cosines and sines of every token, ``(batch, tokens, channels)``: before the channels are split into
                heads.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: the call is not a self-attention over the planned number of frames.
        """
        check_tokens(self.site, hidden_states, encoder_hidden_states, attention_mask, self.shares)
        # The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
        query, key, value = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(hidden_states)), attn.to_v(hidden_states)
        if image_rotary_emb is not None:
            query, key = (_ltx.apply_rotary_emb(x, image_rotary_emb) for x in (query, key))
        query, key, value = (x.unflatten(2, (attn.heads, -1)).transpose(1, 2) for x in (query, key, value))
        out = self.attention(query, key, value).transpose(1, 2).flatten(2).to(query.dtype)
        return attn.to_out[1](attn.to_out[0](out))


class LTXTextProcessor(NursedProcessor):
    """Cross-attention to the text; with nothing to do it equals ``LTXVideoAttnProcessor``."""

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
            attn: an ``LTXAttention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: the text of all key states, ``(batch, text tokens, channels)``.
            attention_mask: what is added to the logits of each text token, ``(batch, 1, text tokens)``.
            image_rotary_emb: None.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: the call has another number of frames than planned.
        """
        del image_rotary_emb
        check_tokens(self.site, hidden_states, None, None, self.shares)
        query, key = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(encoder_hidden_states))
        projected = (query, key, attn.to_v(encoder_hidden_states))
        query, key, value = (x.unflatten(2, (attn.heads, -1)).transpose(1, 2) for x in projected)
        mask = None if attention_mask is None else attention_mask[:, None]
        out = self.reading(query, key, value, mask).transpose(1, 2).flatten(2).to(query.dtype)
        return attn.to_out[1](attn.to_out[0](out))


def ltx_processor(attn: Any, site: Site) -> LTXProcessor | LTXTextProcessor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    parallel = check_stands_in(attn, site, LTXAttention, (LTXVideoAttnProcessor,), parallel=True)
    nursed = LTXTextProcessor(site) if site.kind == "cross" else LTXProcessor(site)
    nursed.parallel = parallel
    return nursed
