"""The layout of a joint sequence: where the tokens of the video stand among others."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Told(NamedTuple):
    """The key states in the text of one video, and how every frame reads them.

    Attributes:
        bias: ``(frames, states)``, float32: between the tokens of a frame and those of a state, whichever of them is the query's.
        states: ``(texts,)``, int64: which state each token beside the video is of, in their order; -1 for what all states share.
        at: ``(texts,)``, int64: the frame whose bias a shared token reads the states with, -1 for one that reads all alike. None
            where all do.
    """

    bias: Tensor
    states: Tensor
    at: Tensor | None = None

    @property
    def columns(self) -> Tensor:
        """What each frame's video tokens have on the tokens beside the video: ``(frames, texts)``; 0 on shared ones."""
        return self._with_shared(self.bias)[:, self.states]

    def _with_shared(self, bias: Tensor) -> Tensor:
        return torch.cat([bias, bias.new_zeros(len(bias), 1)], dim=1)  # so that -1 is the column of what is shared


class Layout(NamedTuple):
    """Tokens that are not video, in one sequence with those that are: text, mostly.

    What an operation says of frames is between video tokens alone: a logit of a token of text, be it the query's or the key's, is
    the model's own.

    Attributes:
        before: how many stand before the video tokens.
        after: how many stand behind them.
        visible: ``(batch, tokens)``, bool, over the whole sequence: False for padding, to which nobody attends. Video tokens are
            always visible. None where nothing is padding.
        states: ``(batch, texts)``, int64: which key state each token beside the video is of, -1 for what all share. None where
            they are the states' tokens, one after the other.
        at: ``(batch, texts)``, int64: the frame that a token is at which all states share, such as one of a sound: it reads the
            states as the frame does; -1 for the others. None where there are none.
        told: the key states, where frames read them with a bias; all videos of the batch have the same.
    """

    before: int = 0
    after: int = 0
    visible: Tensor | None = None
    states: Tensor | None = None
    at: Tensor | None = None
    told: Told | None = None

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
        if self.visible is None and self.states is None:
            return self
        visible, states, at = (None if x is None else x[videos] for x in (self.visible, self.states, self.at))
        return self._replace(visible=visible, states=states, at=at)

    def beside(self, tokens: int, device: torch.device) -> Tensor:
        """Where the tokens that are no video stand in a sequence of so many: ``(texts,)``, int64."""
        return torch.cat(
            [torch.arange(tokens, device=device)[part] for part in (slice(self.before), slice(tokens - self.after, None))]
        )

    def row(self, told: Told, frame: int, tokens: int) -> Tensor:
        """What is added to the logits of a frame's video tokens, where key states are told apart.

        Args:
            told: the key states.
            frame: from 0.
            tokens: of the sequence.

        Returns:
            ``(batch or 1, 1, 1, tokens)``, float32; ``-inf`` where nobody attends to.
        """
        added = told.bias.new_zeros(tokens)
        added[self.beside(tokens, added.device)] = told.columns[frame]
        return self._hidden(added[None])

    def text_row(self, told: Told, state: int, tokens: int) -> Tensor:
        """What is added to the logits of a key state's text: its bias on every frame, and no text of other states.

        Args:
            told: the key states.
            state: from 0.
            tokens: of the sequence.

        Returns:
            As `row`.
        """
        video = self.video(tokens)
        added = told.bias.new_zeros(tokens)
        added[video] = told.bias[:, state].repeat_interleave((video.stop - video.start) // len(told.bias))
        strange = (told.states != state) & (told.states >= 0)
        added[self.beside(tokens, added.device)[strange]] = -torch.inf
        return self._hidden(added[None])

    def _hidden(self, added: Tensor) -> Tensor:
        hidden = added if self.visible is None else added.expand(self.visible.shape).masked_fill(~self.visible, -torch.inf)
        return hidden[:, None, None]

    @property
    def groups(self) -> int:
        """How many kinds of text there are: what all share, and the key states where they are told apart."""
        if not self.texts:
            return 0
        return 1 if self.told is None else 1 + self.told.bias.shape[1]

    def with_video(self, tokens: int) -> Layout:
        """The layout with another number of video tokens."""
        if self.visible is None:
            return self
        before, after = self.visible[:, : self.before], self.visible[:, self.visible.shape[1] - self.after :]
        return self._replace(visible=torch.cat([before, self.visible.new_ones(len(self.visible), tokens), after], dim=1))

    def kinds(self, frames: int, tokens: int, device: torch.device) -> Tensor:
        """What every token is: its frame, or from ``frames`` on text (what all share, then the key states), and last padding.

        Returns:
            ``(1, tokens)``, or ``(batch, tokens)`` where there is padding; int64.
        """
        video = self.video(tokens)
        kinds = torch.full((1, tokens), frames, device=device)
        count = video.stop - video.start
        kinds[:, video] = torch.arange(count, device=device) // (count // frames)
        if self.told is not None:
            kinds[:, self.beside(tokens, device)] = frames + 1 + self.told.states
        return kinds if self.visible is None else kinds.where(self.visible, frames + self.groups)

    def text_seen(self, device: torch.device) -> Tensor:
        """Whether a video sees any text: 0 where it does, else ``-inf``; ``(batch or 1, 1, 1)``, float32."""
        if not self.texts:
            return torch.full((1, 1, 1), -torch.inf, dtype=torch.float32, device=device)
        if self.visible is None:
            return torch.zeros(1, 1, 1, dtype=torch.float32, device=device)
        any_text = torch.stack([self.visible[:, part].any(dim=1) for part in self.texts]).any(dim=0)
        seen = torch.zeros(any_text.shape, dtype=torch.float32, device=device)
        return seen.masked_fill(~any_text, -torch.inf)[:, None, None]


ALL_VIDEO = Layout()
"""Of a sequence that holds nothing else."""
