"""The attention processor that stands at a nursed site: what all of them share."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vstar_sdk.attention.branched import BranchedAttention
from vstar_sdk.attention.call import Current
from vstar_sdk.attention.executors import Executor, JointExecutor, plain_attention
from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.parallel import Ulysses
from vstar_sdk.attention.recording import Slot
from vstar_sdk.attention.segments import SegmentAttention
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import SamplerError


class NursedProcessor:
    """Does what a model's own processor does, and leaves the attention itself to `attention`.

    A family derives from it for its attention class and writes ``__call__`` with the signature of that class's processor:
    projections, normalisation, positions, output. With nothing to do it must equal the model's own.

    Attributes:
        site: where it stands.
        attend: what maps queries, keys and values to the output; changed by `Nursing.at`.
        slots: where the attention maps of this step are added up; empty when they are not wanted.
        current: what is known of the call under way; set by nursing.
        states: see `Layout.states`; set by the family for a call, where its network puts the tokens of key states in an order of
            its own.
        parallel: where each process has a part of the tokens, how it gets whole rows of logits; set by the family.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.attend: Executor = plain_attention
        self.slots: tuple[Slot, ...] = ()
        self.current: Current | None = None
        self.states: Tensor | None = None
        self.parallel: Ulysses | None = None

    @property
    def shares(self) -> int:
        """Into how many equal parts the tokens of a clip are shared among processes."""
        return 1 if self.parallel is None else self.parallel.size

    def attention(
        self, query: Tensor, key: Tensor, value: Tensor, layout: Layout = ALL_VIDEO, video: int | None = None
    ) -> Tensor:
        """Attention with the operations that are active at this step; its maps are recorded where they are wanted.

        Args:
            query: ``(batch, heads, tokens, head_dim)``, positions applied, not scaled. At a factorised site a token is a frame;
                at a joint one they are the positions of all frames, frame by frame, and the other tokens of the layout.
            key: likewise.
            value: likewise.
            layout: of a joint site whose sequence holds text too.

            video: which video of the call it is, of a model that takes one after the other; None for all of them.

        Returns:
            Of the query's shape.

        Raises:
            SamplerError: maps are wanted, and every process has only some of the heads.
        """
        if video is not None and self.current is not None and (whole := self.current.layout) is not None:
            self.current.layout = whole.of(slice(video, video + 1))
            try:
                return self.attention(query, key, value, layout)
            finally:
                self.current.layout = whole
        if self.parallel is not None:
            if self.slots:
                raise SamplerError(
                    f"{self.site.name}: attention maps cannot be taken where several processes share a clip",
                    hint="remove what records or watches maps, or run on one device",
                )
            query, key, value = (self.parallel.heads(x) for x in (query, key, value))
            return self.parallel.tokens(self.attend(query, key, value))
        if self.states is not None:
            layout = layout._replace(states=self.states)
        for slot in self.slots:
            if isinstance(self.attend, BranchedAttention):
                for attend, rows in self.attend.unchanged(len(query)):
                    slot.add(attend, query[rows], key[rows], layout.of(rows))
            else:
                slot.add(self.attend, query, key, layout)
        if layout is ALL_VIDEO:
            return self.attend(query, key, value)
        return cast(JointExecutor, self.attend)(query, key, value, layout=layout)

    def nearest(self, videos: int, device: torch.device) -> Tensor:
        """The key state that each frame reads most of at a cross site: for what can be told only one.

        Args:
            videos: of the call.
            device: of the result.

        Returns:
            ``(videos, frames)``; the first state wherever nothing says which.
        """
        if isinstance(self.attend, SegmentAttention):
            return self.attend.nearest(videos, device)
        return torch.zeros(videos, self.site.frames, dtype=torch.int64, device=device)

    def reading(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """Cross-attention to the text of key states, at a cross site.

        Args:
            query: ``(batch, heads, frames * positions, head_dim)``.
            key: ``(batch, heads, text tokens, head_dim)``.
            value: likewise.
            mask: what the model itself adds to the logits of each text token, ``(batch, 1, 1, text tokens)``; None for nothing.

        Returns:
            Of the query's shape.
        """
        if isinstance(self.attend, SegmentAttention):
            if self.parallel is None:
                return self.attend(query, key, value, mask=mask)
            key, value = self.parallel.own_heads(key), self.parallel.own_heads(value)
            return self.parallel.tokens(self.attend(self.parallel.heads(query), key, value, mask=mask))
        return scaled_dot_product_attention(query, key, value, attn_mask=mask)
