"""Key states in the text of a joint sequence: every frame reads them with a bias."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vstar_sdk.attention.call import Current
from vstar_sdk.attention.executors import Frames, JointExecutor
from vstar_sdk.attention.layout import ALL_VIDEO, Layout, Told
from vstar_sdk.attention.placing import Placed, placed


class SegmentedJointAttention:
    """Another executor, in whose sequence the text of several key states stands.

    ``B[f, s]`` is added to the logits between the video tokens of frame ``f`` and the text of state ``s``, whichever of them is
    the query's; the text of a state does not read that of others. So it sees little but its own frames, as if it were their
    prompt. What all states share reads all of them, or as the frame does that it is at (`Layout.at`). A video that the prompt
    does not condition has one text, alone or in the place of the first state's: it computes as if no other stood there.

    Args:
        attend: the other.
        bias: ``B``, ``(frames, states)``.
        tokens: text tokens of every state.
        current: says which videos the prompt conditions.
    """

    def __init__(self, attend: JointExecutor, bias: Tensor | Placed, tokens: Sequence[int], current: Current) -> None:
        self._attend, self._bias, self._current = attend, placed(bias), current
        self._state = placed(torch.arange(len(tokens), dtype=torch.float64).repeat_interleave(torch.tensor(tokens)))

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._bias.on(device, torch.float32)
        self._state.on(device, torch.int64)
        self._attend.prepare(device, dtype)

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output; 0 for the text that a video does not have."""
        del part
        videos = [slice(video, video + 1) for video in range(len(query))]
        return torch.cat(
            [
                (self._told if told else self._untold)(query[one], key[one], value[one], layout.of(one))
                for one, told in zip(videos, self._current.prompted(len(query)), strict=True)
            ]
        )

    def _states(self, layout: Layout, device: torch.device) -> Tensor:
        """Which state each token beside the video is of."""
        return layout.states[0] if layout.states is not None else self._state.on(device, torch.int64)

    def _told(self, query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> Tensor:
        at = None if layout.at is None else layout.at[0]
        told = Told(self._bias.on(query.device, torch.float32), self._states(layout, query.device), at)
        return self._attend(query, key, value, None, layout._replace(told=told))

    def _untold(self, query: Tensor, key: Tensor, value: Tensor, layout: Layout) -> Tensor:
        if layout.states is None and layout.before + layout.after != self._state.matrix.numel():  # as the pipeline gave it
            return self._attend(query, key, value, None, layout)
        tokens, states = query.shape[2], self._states(layout, query.device)
        beside = layout.beside(tokens, query.device)
        own = torch.ones(tokens, dtype=torch.bool, device=query.device)
        own[beside[states > 0]] = False
        before, after = int(own[: layout.before].sum()), int(own[tokens - layout.after :].sum())
        shorter = Layout(before, after, None if layout.visible is None else layout.visible[:, own])
        attended = self._attend(query[:, :, own], key[:, :, own], value[:, :, own], None, shorter)
        out = attended.new_zeros((*query.shape[:3], attended.shape[-1]))
        out[:, :, own] = attended
        return out
