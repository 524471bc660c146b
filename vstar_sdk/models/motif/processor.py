"""Attention of Motif-Video, whose attentions have classes of their own: its nursed processors."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models import embeddings
from diffusers.models.transformers.transformer_motif_video import (
    MotifVideoAttention,
    MotifVideoAttnProcessor2_0,
    MotifVideoCrossAttention,
    MotifVideoCrossAttnProcessor2_0,
)
from torch import Tensor

from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.models.diffusers.joint_attention import check_stands_in, check_tokens

_embeddings: Any = embeddings  # typed in part


class MotifProcessor(NursedProcessor):
    """Attention over all tokens of a clip and those behind them; with nothing to do it equals the model's own bit for bit."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attention over video and text (the signature is diffusers').

        Args:
            attn: a ``MotifVideoAttention``, of two streams or of one.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: picture and text, or in the decoder the clip's features: ``(batch, tokens, channels)``.
            attention_mask: ``(batch, 1, 1, frames * positions + tokens)``, False for padding; None where nothing is.
            image_rotary_emb: cosines and sines of every video token, ``(frames * positions, head_dim)``.

        Returns:
            Video and text, of the shapes that came.

        Raises:
            SamplerError: it is another number of frames than planned.
        """
        check_tokens(self.site, hidden_states, None, None)
        tokens, beside = hidden_states.shape[1], encoder_hidden_states.shape[1]
        one_stream = attn.add_q_proj is None
        sequence = torch.cat([hidden_states, encoder_hidden_states], dim=1) if one_stream else hidden_states
        # The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
        query, key, value = (project(sequence).unflatten(2, (attn.heads, -1)) for project in (attn.to_q, attn.to_k, attn.to_v))
        query, key = _normalised(attn.norm_q, query), _normalised(attn.norm_k, key)
        if image_rotary_emb is not None:
            query, key = (_turned(x, tokens, image_rotary_emb) for x in (query, key))
        if not one_stream:
            text_query, text_key, text_value = (
                project(encoder_hidden_states).unflatten(2, (attn.heads, -1))
                for project in (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
            )
            text_query, text_key = _normalised(attn.norm_added_q, text_query), _normalised(attn.norm_added_k, text_key)
            pairs = ((query, text_query), (key, text_key), (value, text_value))
            query, key, value = (torch.cat(pair, dim=1) for pair in pairs)
        layout = Layout(after=beside, visible=None if attention_mask is None else attention_mask[:, 0, 0])
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        out = self.attention(query, key, value, layout).transpose(1, 2).flatten(2).to(query.dtype)
        video, read = out[:, :tokens], out[:, tokens:]
        if attn.to_out is not None:
            video = attn.to_out[1](attn.to_out[0](video))
        return video, read if attn.to_add_out is None else attn.to_add_out(read)


class MotifTextProcessor(NursedProcessor):
    """Cross-attention to the text; with nothing to do it equals ``MotifVideoCrossAttnProcessor2_0``."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
        image_embed_seq_len: int = 0,
    ) -> Tensor:
        """Cross-attention (the signature is diffusers').

        Args:
            attn: a ``MotifVideoCrossAttention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: picture and text of all key states, ``(batch, tokens, channels)``.
            attention_mask: ``(batch, 1, 1, frames * positions + tokens)``, False for padding; None where nothing is.
            image_rotary_emb: cosines and sines of every video token, ``(frames * positions, head_dim)``.
            image_embed_seq_len: tokens of the picture, which are not read here.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: it is another number of frames than planned.
        """
        check_tokens(self.site, hidden_states, None, None)
        text = encoder_hidden_states[:, image_embed_seq_len:]
        query, key, value = (
            project(x).unflatten(2, (attn.heads, -1))
            for project, x in ((attn.to_q, hidden_states), (attn.to_k, text), (attn.to_v, text))
        )
        query, key = _normalised(attn.norm_q, query), _normalised(attn.norm_k, key)
        if image_rotary_emb is not None:
            query = _turned(query, query.shape[1], image_rotary_emb)
        mask = None
        if attention_mask is not None:
            hidden = ~attention_mask[..., -text.shape[1] :]
            mask = torch.zeros(hidden.shape, dtype=query.dtype, device=query.device).masked_fill(hidden, -torch.inf)
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        out = self.reading(query, key, value, mask)
        return attn.to_out[1](attn.to_out[0](out.transpose(1, 2).flatten(2).to(query.dtype)))


def motif_processor(attn: Any, site: Site) -> MotifProcessor | MotifTextProcessor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    if site.kind == "cross":
        check_stands_in(attn, site, MotifVideoCrossAttention, (MotifVideoCrossAttnProcessor2_0,))
        return MotifTextProcessor(site)
    check_stands_in(attn, site, MotifVideoAttention, (MotifVideoAttnProcessor2_0,))
    return MotifProcessor(site)


def _normalised(norm: Any, x: Tensor) -> Tensor:
    return x if norm is None else norm(x)


def _turned(x: Tensor, tokens: int, tables: tuple[Tensor, Tensor]) -> Tensor:
    """The first tokens of ``(batch, tokens, heads, head_dim)`` with their positions."""
    turned = _embeddings.apply_rotary_emb(x[:, :tokens], tables, sequence_dim=1)
    return turned if x.shape[1] == tokens else torch.cat([turned, x[:, tokens:]], dim=1)
