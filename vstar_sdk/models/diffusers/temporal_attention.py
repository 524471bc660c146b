"""Temporal self-attention of networks that keep it apart, in diffusers' ``Attention`` class: its nursed processor."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import ModelError, SamplerError

_DIFFUSERS = "diffusers.models.attention_processor"

# These compute plain softmax attention; what another one adds would be lost in replacing it. By their names, so that a network
# of no diffusers class is nursed without an import of diffusers.
_REPLACEABLE = frozenset(
    {
        (_DIFFUSERS, "AttnProcessor"),
        (_DIFFUSERS, "AttnProcessor2_0"),
        (_DIFFUSERS, "XFormersAttnProcessor"),
        ("vstar_sdk.miniworld.networks.attention", "PlainAttention"),
    }
)


class TemporalProcessor(NursedProcessor):
    """Attention over the frames of each position; with nothing to do it equals ``AttnProcessor2_0`` bit for bit."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Self-attention over frames (the signature is diffusers').

        Args:
            attn: a diffusers ``Attention``.
            hidden_states: ``(batch, frames, channels)``.
            encoder_hidden_states: None, for this is self-attention.
            attention_mask: None.
            temb: unused.

        Returns:
            ``(batch, frames, channels)``.

        Raises:
            SamplerError: the call is not a self-attention over the planned number of frames.
        """
        if encoder_hidden_states is not None or attention_mask is not None or hidden_states.ndim != 3:
            raise SamplerError(
                f"{self.site.name} was called with a mask, a context or an image, which temporal self-attention never is"
            )
        if hidden_states.shape[1] != self.site.frames:
            raise SamplerError(
                f"{self.site.name} saw {hidden_states.shape[1]} frames; the plan is for {self.site.frames}",
                hint="plan the regularizers for the number of frames that the model samples",
            )
        residual = hidden_states
        if attn.group_norm is not None:
            hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
        # The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
        query, key, value = (
            project(hidden_states).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        if attn.norm_q is not None:
            query = attn.norm_q(query)
        if attn.norm_k is not None:
            key = attn.norm_k(key)
        hidden_states = self.attention(query, key, value).transpose(1, 2).flatten(2)
        hidden_states = attn.to_out[1](attn.to_out[0](hidden_states))
        if attn.residual_connection:
            hidden_states = hidden_states + residual
        return hidden_states / attn.rescale_output_factor


def temporal_processor(attn: Any, site: Site) -> TemporalProcessor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    processor = getattr(attn, "processor", None)
    if (type(processor).__module__, type(processor).__qualname__) not in _REPLACEABLE:
        raise ModelError(
            f"{site.name} holds {type(processor).__name__}, which cannot be replaced",
            hint="remove what replaced its attention processor (fuse_qkv_projections, an adapter, another attach) before the run",
        )
    if attn.heads != site.heads or attn.is_cross_attention or attn.spatial_norm is not None:
        raise ModelError(f"{site.name} is not a temporal self-attention with {site.heads} heads")
    return TemporalProcessor(site)
