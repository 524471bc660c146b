"""Joint self-attention of the video in LTX-2: nursed processors in the place of its two."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.transformers import transformer_ltx2
from diffusers.models.transformers.transformer_ltx2 import (
    LTX2Attention,
    LTX2AudioVideoAttnProcessor,
    LTX2PerturbedAttnProcessor,
)
from torch import Tensor

from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.models.diffusers.joint_attention import check_stands_in, check_tokens

_ltx2: Any = transformer_ltx2  # typed in part

Rotary = tuple[Tensor, Tensor]
"""Cosines and sines of every token: ``(batch, tokens, channels)``, or ``(batch, heads, tokens, head_dim / 2)`` where a head's
channels are turned by halves."""


class LTX2Processor(NursedProcessor):
    """Self-attention over all video tokens of a clip; with nothing to do it equals ``LTX2AudioVideoAttnProcessor``."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        query_rotary_emb: Rotary | None = None,
        key_rotary_emb: Rotary | None = None,
    ) -> Tensor:
        """Self-attention over tokens (the signature is diffusers').

        Args:
            attn: an ``LTX2Attention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: None, for this is self-attention.
            attention_mask: None.
            query_rotary_emb: positions.
            key_rotary_emb: of the keys; None for the same.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: the call is not a self-attention over the planned number of frames.
        """
        check_tokens(self.site, hidden_states, encoder_hidden_states, attention_mask, self.shares)
        value: Tensor = attn.to_v(hidden_states)
        out = self._attended(attn, hidden_states, value, query_rotary_emb, key_rotary_emb)
        return _finished(attn, hidden_states, out)

    def _attended(self, attn: Any, hidden_states: Tensor, value: Tensor, turns: Rotary | None, others: Rotary | None) -> Tensor:
        # The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
        query, key = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(hidden_states))
        if turns is not None:
            turn = _ltx2.apply_split_rotary_emb if attn.rope_type == "split" else _ltx2.apply_interleaved_rotary_emb
            query, key = turn(query, turns), turn(key, turns if others is None else others)
        query, key, value = (torch.unflatten(x, 2, (attn.heads, -1)).transpose(1, 2) for x in (query, key, value))
        return self.attention(query, key, value).transpose(1, 2).flatten(2).to(query.dtype)


class LTX2PerturbedProcessor(LTX2Processor):
    """The same in a network made for spatio-temporal guidance, whose unguided videos have values in the place of attention.

    There are no logits then, and nothing to regularize; with nothing to do it equals ``LTX2PerturbedAttnProcessor``.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        query_rotary_emb: Rotary | None = None,
        key_rotary_emb: Rotary | None = None,
        perturbation_mask: Tensor | None = None,
        all_perturbed: Tensor | bool | None = None,
    ) -> Tensor:
        """Self-attention over tokens: see `LTX2Processor`.

        Args:
            attn: likewise.
            hidden_states: likewise.
            encoder_hidden_states: likewise.
            attention_mask: likewise.
            query_rotary_emb: likewise.
            key_rotary_emb: likewise.
            perturbation_mask: ``(batch, 1, 1)``, 0 where values stand for the attention and 1 elsewhere; None for nowhere.
            all_perturbed: whether they do in all videos; None where the mask says it.
        """
        check_tokens(self.site, hidden_states, encoder_hidden_states, attention_mask, self.shares)
        value: Tensor = attn.to_v(hidden_states)
        if all_perturbed is None:
            all_perturbed = perturbation_mask is not None and torch.all(perturbation_mask == 0)
        out = value
        if not all_perturbed:
            out = self._attended(attn, hidden_states, value, query_rotary_emb, key_rotary_emb)
            if perturbation_mask is not None:
                out = torch.lerp(value, out, perturbation_mask)
        return _finished(attn, hidden_states, out)


class LTX2TextProcessor(NursedProcessor):
    """Cross-attention of the video to the text; with nothing to do it equals either of the network's own."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        query_rotary_emb: Rotary | None = None,
        key_rotary_emb: Rotary | None = None,
    ) -> Tensor:
        """Cross-attention (the signature is diffusers').

        Args:
            attn: an ``LTX2Attention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: the text of all key states, ``(batch, text tokens, channels)``.
            attention_mask: what is added to the logits of each text token, ``(batch, 1, text tokens)``.
            query_rotary_emb: None.
            key_rotary_emb: None.

        Returns:
            ``(batch, frames * positions, channels)``.

        Raises:
            SamplerError: the call has another number of frames than planned.
        """
        del query_rotary_emb, key_rotary_emb
        check_tokens(self.site, hidden_states, None, None, self.shares)
        query, key = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(encoder_hidden_states))
        projected = (query, key, attn.to_v(encoder_hidden_states))
        query, key, value = (torch.unflatten(x, 2, (attn.heads, -1)).transpose(1, 2) for x in projected)
        mask = None if attention_mask is None else attention_mask[:, None]
        out = self.reading(query, key, value, mask).transpose(1, 2).flatten(2).to(query.dtype)
        return _finished(attn, hidden_states, out)


def _finished(attn: Any, hidden_states: Tensor, out: Tensor) -> Tensor:
    """What follows the attention: a gate for every head, where the network has one, and the last projection."""
    if attn.to_gate_logits is not None:
        gates = 2.0 * torch.sigmoid(attn.to_gate_logits(hidden_states))
        out = (torch.unflatten(out, 2, (attn.heads, -1)) * gates.unsqueeze(-1)).flatten(2, 3)
    return attn.to_out[1](attn.to_out[0](out))


def ltx2_processor(attn: Any, site: Site) -> LTX2Processor | LTX2TextProcessor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    parallel = check_stands_in(
        attn, site, LTX2Attention, (LTX2AudioVideoAttnProcessor, LTX2PerturbedAttnProcessor), parallel=True
    )
    if site.kind == "cross":
        nursed = LTX2TextProcessor(site)
    else:
        nursed = (LTX2PerturbedProcessor if type(attn.processor) is LTX2PerturbedAttnProcessor else LTX2Processor)(site)
    nursed.parallel = parallel
    return nursed
