"""The attention processor that stands at a nursed site."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from vstar_sdk.attention.executors import Executor, plain_attention
from vstar_sdk.attention.recording import Slot
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import SamplerError


class NursedProcessor:
    """Temporal self-attention with a replaceable core; with the plain core it equals diffusers' ``AttnProcessor2_0`` bit for bit.

    Attributes:
        site: where it stands.
        attend: what maps queries, keys and values to the output; changed by `Nursing.at`.
        slot: where the attention maps of this step are added up; None when they are not wanted.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.attend: Executor = plain_attention
        self.slot: Slot | None = None

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
                f"{self.site.name} saw {hidden_states.shape[1]} frames; its plan is for {self.site.frames}",
                hint="plan the regularizers for the number of frames that is sampled",
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
        if self.slot is not None:
            self.slot.add(self.attend, query, key)
        hidden_states = self.attend(query, key, value).transpose(1, 2).flatten(2)
        hidden_states = attn.to_out[1](attn.to_out[0](hidden_states))
        if attn.residual_connection:
            hidden_states = hidden_states + residual
        return hidden_states / attn.rescale_output_factor
