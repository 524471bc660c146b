"""Joint attention of HunyuanVideo 1.5 over video and text, in diffusers' ``Attention`` class: its nursed processor."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models import embeddings
from diffusers.models.attention_processor import Attention
from diffusers.models.transformers.transformer_hunyuan_video15 import HunyuanVideo15AttnProcessor2_0
from torch import Tensor
from torch.nn.functional import pad

from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.models.diffusers.joint_attention import check_stands_in, check_tokens

_embeddings: Any = embeddings  # typed in part


class Hunyuan15Processor(NursedProcessor):
    """Attention over all tokens of a clip and its text; with nothing to do it equals the model's own for all that is not padding.

    ``HunyuanVideo15AttnProcessor2_0`` makes a mask of tokens by tokens in every block, in which padding sees nothing. Here one of
    keys is enough: padding is seen by nobody, and what it sees itself, nobody reads.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor,
        image_rotary_emb: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Attention over video and text (the signature is diffusers').

        Args:
            attn: a diffusers ``Attention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: picture and text, ``(batch, tokens, channels)``.
            attention_mask: ``(batch, tokens)``, False for padding.
            image_rotary_emb: cosines and sines of every video token, ``(frames * positions, head_dim)``.

        Returns:
            Video and text, of the shapes that came.

        Raises:
            SamplerError: it is another number of frames than planned.
        """
        check_tokens(self.site, hidden_states, None, None)
        tokens, text = hidden_states.shape[1], encoder_hidden_states.shape[1]
        # The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
        query, key, value = (
            project(hidden_states).unflatten(2, (attn.heads, -1)) for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        query, key = (
            _embeddings.apply_rotary_emb(normalised, image_rotary_emb, sequence_dim=1)
            for normalised in (attn.norm_q(query), attn.norm_k(key))
        )
        text_query, text_key, text_value = (
            project(encoder_hidden_states).unflatten(2, (attn.heads, -1))
            for project in (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
        )
        if attn.norm_added_q is not None:
            text_query = attn.norm_added_q(text_query)
        if attn.norm_added_k is not None:
            text_key = attn.norm_added_k(text_key)
        pairs = ((query, text_query), (key, text_key), (value, text_value))
        query, key, value = (torch.cat(pair, dim=1).transpose(1, 2) for pair in pairs)
        layout = Layout(after=text, visible=pad(attention_mask.bool(), (tokens, 0), value=True))
        out = self.attention(query, key, value, layout).transpose(1, 2).flatten(2).to(query.dtype)
        video = attn.to_out[1](attn.to_out[0](out[:, :tokens]))
        return video, attn.to_add_out(out[:, tokens:])


def hunyuan15_processor(attn: Any, site: Site) -> Hunyuan15Processor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    check_stands_in(attn, site, Attention, (HunyuanVideo15AttnProcessor2_0,))
    return Hunyuan15Processor(site)
