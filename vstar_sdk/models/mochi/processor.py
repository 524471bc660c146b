"""Joint attention of Mochi over video and text, whose attention has a class of its own: its nursed processor."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_processor import MochiAttention, MochiAttnProcessor2_0
from torch import Tensor
from torch.nn.functional import pad

from vstar_sdk.attention.layout import Layout
from vstar_sdk.attention.processor import NursedProcessor
from vstar_sdk.attention.sites import Site
from vstar_sdk.models.diffusers.joint_attention import check_stands_in, check_tokens


class MochiProcessor(NursedProcessor):
    """Attention over all tokens of a clip and its text; with nothing to do it equals ``MochiAttnProcessor2_0`` bit for bit.

    Like that one it takes the videos of a batch one by one, each with its own text without the padding.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attention over video and text (the signature is diffusers').

        Args:
            attn: a ``MochiAttention``.
            hidden_states: ``(batch, frames * positions, channels)``.
            encoder_hidden_states: the text, ``(batch, tokens, channels)``.
            attention_mask: ``(batch, tokens)``, 0 for padding.
            image_rotary_emb: cosines and sines of every video token and head, ``(frames * positions, heads, head_dim / 2)``.

        Returns:
            Video and text, of the shapes that came.

        Raises:
            SamplerError: it is another number of frames than planned.
        """
        check_tokens(self.site, hidden_states, None, None)
        tokens, text = hidden_states.shape[1], encoder_hidden_states.shape[1]
        # The projections are called, never read: under offloading or layerwise casting their weights are not what they seem.
        video = _projected(attn, (attn.to_q, attn.to_k, attn.to_v), (attn.norm_q, attn.norm_k), hidden_states)
        read = _projected(
            attn,
            (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj),
            (attn.norm_added_q, attn.norm_added_k),
            encoder_hidden_states,
        )
        query, key, value = video
        if image_rotary_emb is not None:
            query, key = _rotated(query, *image_rotary_emb), _rotated(key, *image_rotary_emb)
        parts = [x.transpose(1, 2) for x in (query, key, value, *read)]
        each: list[Tensor] = []
        for index, there in enumerate(self.texts(attention_mask)):
            one = [part[index : index + 1] for part in parts]
            query, key, value = (torch.cat([x, y[:, :, there]], dim=2) for x, y in zip(one[:3], one[3:], strict=True))
            out = self.attention(query, key, value, Layout(after=len(there)), video=index)
            each.append(pad(out, (0, 0, 0, text - len(there))))
        out = torch.cat(each).transpose(1, 2).flatten(2, 3)
        made, told = out[:, :tokens], out[:, tokens:]
        if hasattr(attn, "to_add_out"):
            told = attn.to_add_out(told)
        return attn.to_out[1](attn.to_out[0](made)), told

    def texts(self, mask: Tensor) -> list[Tensor]:
        """The tokens of each text that are no padding, by their numbers."""
        return [one.nonzero().flatten() for one in mask]


def mochi_processor(attn: Any, site: Site) -> MochiProcessor:
    """The processor for a site, once it is sure that it can stand in for what is there.

    Args:
        attn: the module at the site.
        site: where.

    Raises:
        ModelError: it is another attention, or does more than plain attention.
    """
    check_stands_in(attn, site, MochiAttention, (MochiAttnProcessor2_0,))
    return MochiProcessor(site)


def _projected(attn: Any, projections: Any, norms: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, ``(batch, tokens, heads, head_dim)``."""
    query, key, value = (torch.unflatten(project(x), 2, (attn.heads, -1)) for project in projections)
    return norms[0](query), norms[1](key), value


def _rotated(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary position embedding: every pair of neighbouring channels turned by its angle (Su et al., 2021).

    Args:
        x: ``(batch, tokens, heads, head_dim)``.
        cosines: ``(tokens, heads, head_dim / 2)``.
        sines: likewise.
    """
    one, other = x[..., 0::2].float(), x[..., 1::2].float()
    turned = (one * cosines - other * sines, one * sines + other * cosines)
    return torch.stack([part.to(x.dtype) for part in turned], dim=-1).flatten(-2)
