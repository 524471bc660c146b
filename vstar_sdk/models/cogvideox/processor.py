"""Joint attention of CogVideoX over text and video, in diffusers' ``Attention`` class: its nursed processor."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models import embeddings
from diffusers.models.attention_processor import Attention, CogVideoXAttnProcessor2_0
from torch import Tensor

from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.models.diffusers.joint_attention import check_stands_in, check_tokens

_embeddings: Any = embeddings  # typed in part


class CogVideoXProcessor(NursedProcessor):
    """Attention over text and all tokens of a clip; with nothing to do it equals ``CogVideoXAttnProcessor2_0`` bit for bit."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attention over text and video (the signature is diffusers').

        Args:
            attn: a diffusers ``Attention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: the text, ``(batch, tokens, channels)``.
            attention_mask: None.
            image_rotary_emb: cosines and sines of every video token, ``(frames * positions, head_dim)``, in models that have such
                positions.

        Returns:
            Video and text, of the shapes that came.

        Raises:
            SamplerError: the call has a mask, or another number of frames than planned.
        """
        check_tokens(self.site, hidden_states, None, attention_mask)
        text = encoder_hidden_states.shape[1]
        sequence = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        # The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
        projected = (attn.to_q(sequence), attn.to_k(sequence), attn.to_v(sequence))
        query, key, value = (x.unflatten(2, (attn.heads, -1)).transpose(1, 2) for x in projected)
        if attn.norm_q is not None:
            query = attn.norm_q(query)
        if attn.norm_k is not None:
            key = attn.norm_k(key)
        if image_rotary_emb is not None:
            for x in (query, key):
                x[:, :, text:] = _embeddings.apply_rotary_emb(x[:, :, text:], image_rotary_emb)
        out = self.attention(query, key, value, Layout(before=text)).transpose(1, 2).flatten(2)
        out = attn.to_out[1](attn.to_out[0](out))
        return out[:, text:], out[:, :text]


def cogvideox_processor(attn: Any, site: Site) -> CogVideoXProcessor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    check_stands_in(attn, site, Attention, (CogVideoXAttnProcessor2_0,))
    return CogVideoXProcessor(site)
