"""Joint attention of MiniMax-H3 over one packed sequence: its nursed processor."""

from __future__ import annotations

from typing import Any

from diffusers.models.transformers import transformer_minimax_h3 as network
from torch import Tensor

from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.diffusers.joint_attention import check_stands_in
from vstar_sdk.models.minimax_h3.sites import PATCH

_network: Any = network  # whose rotation is private


class MiniMaxH3Processor(NursedProcessor):
    """Attention over all that is packed; with nothing to do it equals ``MiniMaxH3AttnProcessor`` bit for bit.

    Attributes:
        video: tokens of the generated video, which stand last; set by the adapter for a call. None where nursing is told the
            picture instead, as under ``attach``.
        at: see `Layout.at`; of the sound, while several key states are told apart.
        turn: which video of a batch it is, where the adapter takes one after the other.
    """

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.video: int | None = None
        self.at: Tensor | None = None
        self.turn: int | None = None

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Attention over the sequence (the signature is diffusers').

        Args:
            attn: a ``MiniMaxH3Attention``.
            hidden_states: ``(batch, tokens, channels)``.
            rotary_emb: cosines and sines of every token, ``(tokens, channels that are turned)``.
            attention_mask: None.

        Returns:
            Of the shape that came.

        Raises:
            SamplerError: the call has a mask, or another number of frames than planned.
        """
        if attention_mask is not None:
            raise SamplerError(f"{self.site.name} was called with a mask, which MiniMax-H3 does not use")
        before = hidden_states.shape[1] - self._tokens()
        # The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
        query, key, value = (
            project(hidden_states).unflatten(-1, (attn.heads, -1)) for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        query, key = attn.norm_q(query), attn.norm_k(key)
        if rotary_emb is not None:
            query, key = (_network._apply_rotary_emb(x, *rotary_emb) for x in (query, key))
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        out = self.attention(query, key, value, Layout(before=before, at=self.at), self.turn)
        out = out.transpose(1, 2).flatten(2, 3).type_as(query)
        return attn.to_out[1](attn.to_out[0](out))

    def _tokens(self) -> int:
        """Tokens of the video.

        Raises:
            SamplerError: nobody has said how many, or they are another number of frames than planned.
        """
        tokens, layout = self.video, None if self.current is None else self.current.layout
        if tokens is None:
            if layout is None:
                raise SamplerError(
                    f"{self.site.name} was called before the size of the picture was known",
                    hint="set it before every call of the denoiser: nursing.call(branches, height, width)",
                )
            tokens = self.site.frames * (layout.height // PATCH) * (layout.width // PATCH)
        if tokens % self.site.frames:
            raise SamplerError(
                f"{self.site.name} saw {tokens} tokens; the plan is for {self.site.frames} latent frames of equal size",
                hint="plan the regularizers for the number of frames that the model samples",
            )
        return tokens


def minimax_h3_processor(attn: Any, site: Site) -> MiniMaxH3Processor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    check_stands_in(attn, site, network.MiniMaxH3Attention, (network.MiniMaxH3AttnProcessor,))
    return MiniMaxH3Processor(site)
