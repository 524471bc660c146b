"""The layout of a joint sequence: where the tokens of the video stand among others."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Layout(NamedTuple):
    """Tokens that are not video, in one sequence with those that are: text, mostly.

    What an operation says of frames is between video tokens alone: a logit of a token of text, be it the query's or the key's, is
    the model's own.

    Attributes:
        before: how many stand before the video tokens.
        after: how many stand behind them.
        visible: ``(batch, tokens)``, bool, over the whole sequence: False for padding, to which nobody attends. Video tokens are
            always visible. None where nothing is padding.
    """

    before: int = 0
    after: int = 0
    visible: Tensor | None = None

    def video(self, tokens: int) -> slice:
        """The video tokens of a sequence of so many."""
        return slice(self.before, tokens - self.after)

    @property
    def texts(self) -> tuple[slice, ...]:
        """Where the other tokens are."""
        before, after = slice(0, self.before), slice(-self.after, None)
        return tuple(part for part, size in ((before, self.before), (after, self.after)) if size)

    @property
    def mask(self) -> Tensor | None:
        """``visible`` as a mask of fused attention: ``(batch, 1, 1, tokens)``, the same for all queries and heads."""
        return None if self.visible is None else self.visible[:, None, None, :]

    def of(self, videos: slice) -> Layout:
        """The layout of some videos of the batch."""
        return self if self.visible is None else self._replace(visible=self.visible[videos])

    def with_video(self, tokens: int) -> Layout:
        """The layout with another number of video tokens."""
        if self.visible is None:
            return self
        before, after = self.visible[:, : self.before], self.visible[:, self.visible.shape[1] - self.after :]
        return self._replace(visible=torch.cat([before, self.visible.new_ones(len(self.visible), tokens), after], dim=1))

    def kinds(self, frames: int, tokens: int, device: torch.device) -> Tensor:
        """What every token is: its frame, or ``frames`` for text, or ``frames + 1`` for padding.

        Returns:
            ``(1, tokens)``, or ``(batch, tokens)`` where there is padding; int64.
        """
        video = self.video(tokens)
        kinds = torch.full((1, tokens), frames, device=device)
        count = video.stop - video.start
        kinds[:, video] = torch.arange(count, device=device) // (count // frames)
        return kinds if self.visible is None else kinds.where(self.visible, frames + 1)

    def text_seen(self, device: torch.device) -> Tensor:
        """Whether a video sees any text: 0 where it does, else ``-inf``; ``(batch or 1, 1, 1)``, float32."""
        if not self.texts:
            return torch.full((1, 1, 1), -torch.inf, device=device)
        if self.visible is None:
            return torch.zeros(1, 1, 1, device=device)
        any_text = torch.stack([self.visible[:, part].any(dim=1) for part in self.texts]).any(dim=0)
        return torch.zeros(any_text.shape, device=device).masked_fill(~any_text, -torch.inf)[:, None, None]


ALL_VIDEO = Layout()
"""Of a sequence that holds nothing else."""
