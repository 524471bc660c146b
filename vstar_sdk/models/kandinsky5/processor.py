"""Attention of Kandinsky 5, which has a class of its own: its nursed processors, and one for masked text."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.transformers.transformer_kandinsky import Kandinsky5Attention, Kandinsky5AttnProcessor
from torch import Tensor
from torch.nn import functional

from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.diffusers.joint_attention import check_stands_in, check_tokens


class Kandinsky5Processor(NursedProcessor):
    """Self-attention over all tokens of a clip; with nothing to do it equals ``Kandinsky5AttnProcessor``."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        rotary_emb: Tensor | None = None,
        sparse_params: Any = None,
    ) -> Tensor:
        """Self-attention over tokens (the signature is diffusers').

        Args:
            attn: a ``Kandinsky5Attention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: None, for this is self-attention.
            rotary_emb: a rotation of every pair of channels, ``(batch, tokens, 1, head_dim / 2, 2, 2)``.
            sparse_params: None, for this is no sparse attention.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: the call is not a self-attention over the planned number of frames, or a sparse one.
        """
        check_tokens(self.site, hidden_states, encoder_hidden_states, None)
        if sparse_params is not None:
            raise SamplerError(
                f"{self.site.name} was called for sparse attention (NABLA), which has no logits between all frames",
                hint="use a model whose attention is regular, such as one of the 5-second models",
            )
        query, key, value = _projected(attn, hidden_states, hidden_states, rotary_emb)
        return attn.out_layer(self.attention(query, key, value).transpose(1, 2).flatten(2))


class Kandinsky5TextProcessor(NursedProcessor):
    """Cross-attention to the text; with nothing to do it equals ``Kandinsky5AttnProcessor``.

    Attributes:
        bias: added to the logits of the text's tokens, ``(videos, text tokens)``; set by the family for a call.
    """

    bias: Tensor | None = None

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        rotary_emb: Tensor | None = None,
        sparse_params: Any = None,
    ) -> Tensor:
        """Cross-attention (the signature is diffusers').

        Args:
            attn: a ``Kandinsky5Attention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: the text of all key states, ``(batch, text tokens, channels)``.
            rotary_emb: None.
            sparse_params: None.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: the call has another number of frames than planned.
        """
        del sparse_params
        check_tokens(self.site, hidden_states, None, None)
        query, key, value = _projected(attn, hidden_states, encoder_hidden_states, rotary_emb)
        mask = None if self.bias is None else self.bias[:, None, None].to(query.dtype)
        return attn.out_layer(self.reading(query, key, value, mask).transpose(1, 2).flatten(2))


class PartialText:
    """Attention to texts that are not all there; otherwise it equals ``Kandinsky5AttnProcessor``, which knows no mask.

    Args:
        bias: ``(texts, tokens)``, added to the logits of the tokens.
    """

    def __init__(self, bias: Tensor) -> None:
        self._bias = bias[:, None, None]

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        rotary_emb: Tensor | None = None,
        sparse_params: Any = None,
    ) -> Tensor:
        """Attention from anything to the text, or from the text to itself: see `Kandinsky5Processor`."""
        del sparse_params
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = _projected(attn, hidden_states, context, rotary_emb)
        out = functional.scaled_dot_product_attention(query, key, value, attn_mask=self._bias.to(query.dtype))
        return attn.out_layer(out.transpose(1, 2).flatten(2))


def kandinsky5_processor(attn: Any, site: Site) -> Kandinsky5Processor | Kandinsky5TextProcessor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    check_stands_in(attn, site, Kandinsky5Attention, (Kandinsky5AttnProcessor,), heads="num_heads")
    return Kandinsky5TextProcessor(site) if site.kind == "cross" else Kandinsky5Processor(site)


def _projected(attn: Any, hidden: Tensor, context: Tensor, rotary: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, ``(batch, heads, tokens, head_dim)``.

    The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
    """
    projected = (attn.to_query(hidden), attn.to_key(context), attn.to_value(context))
    query, key, value = (x.unflatten(2, (attn.num_heads, -1)) for x in projected)
    query, key = attn.query_norm(query.float()).type_as(query), attn.key_norm(key.float()).type_as(key)
    if rotary is not None:
        query, key = _rotated(query, rotary), _rotated(key, rotary)
    return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)


def _rotated(x: Tensor, rotary: Tensor) -> Tensor:
    """Rotary position embedding, rounded to bfloat16 in any precision, as the model does it.

    Args:
        x: ``(batch, tokens, heads, head_dim)``.
        rotary: see `Kandinsky5Processor`.
    """
    pairs = torch.unflatten(x, -1, (-1, 1, 2)).float()
    return (rotary * pairs).sum(dim=-1).flatten(-2).to(torch.bfloat16).type_as(x)
