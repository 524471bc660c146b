"""Attention wrapped by the function of a `Wrap`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from vstar_sdk.attention.call import Call, Current
from vstar_sdk.attention.executors import Executor, Frames, JointExecutor
from vstar_sdk.attention.joint_biases import with_texts_done
from vstar_sdk.attention.layout import ALL_VIDEO, Layout
from vstar_sdk.attention.operations import Wrap
from vstar_sdk.attention.placing import Placed
from vstar_sdk.errors import PluginError, VstarError, out_of_memory

Inside = Callable[[Tensor, Tensor, Tensor, Frames], Tensor]
"""The attention inside a wrap, of queries, keys and values of some frames."""


class WrappedAttention:
    """Another executor, called by the function of a `Wrap`: ``out + strength (fn(...) - out)``.

    Args:
        attend: the other, which gives ``out``.
        wrap: the operation.
        where: whose it is and where, for messages.
        current: what the function may know of the call.
        strength: 0-d; None for 1, where the function alone is called.
    """

    def __init__(self, attend: Executor, wrap: Wrap, where: str, current: Current, strength: Placed | None = None) -> None:
        self._attend, self._fn, self._where = attend, wrap.fn, where
        self._current, self._strength = current, strength

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        """See `Executor.prepare`."""
        self._attend.prepare(device, dtype)

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None) -> Tensor:
        """The attention output.

        Raises:
            PluginError: the function failed, gave another shape, or called the attention inside with what does not fit.
        """
        whole = part or Frames(*(torch.arange(x.shape[2], device=query.device) for x in (query, key)))

        def inside(q: Tensor, k: Tensor, v: Tensor, frames: Frames) -> Tensor:
            # All frames in their order need no selection from any matrix.
            same = frames.queries is whole.queries and frames.keys is whole.keys
            return self._attend(q, k, v, part if same else frames)

        return self._shared(inside, query, key, value, whole, query.shape[0])

    def _shared(self, inside: Inside, query: Tensor, key: Tensor, value: Tensor, whole: Frames, positions: int) -> Tensor:
        """As much of the function's output as the strength says."""
        out = self._wrapped(inside, query, key, value, whole, positions)
        if self._strength is None:
            return out
        plain = inside(query, key, value, whole)
        return plain + (out - plain) * self._strength.on(query.device, torch.float32)

    def _wrapped(self, inside: Inside, query: Tensor, key: Tensor, value: Tensor, whole: Frames, positions: int) -> Tensor:
        call = Call(positions, self._current)

        def call_next(q: Tensor, k: Tensor, v: Tensor, q_frames: Tensor, k_frames: Tensor, /) -> Tensor:
            if (q.shape[2], k.shape[2], v.shape[2]) != (len(q_frames), len(k_frames), len(k_frames)):
                sizes = f"{q.shape[2]}, {k.shape[2]} and {v.shape[2]} frames, numbered by {len(q_frames)} and {len(k_frames)}"
                raise PluginError(f"{self._where} called the attention inside with queries, keys and values of {sizes}")
            return inside(q, k, v, Frames(q_frames, k_frames))

        if torch.compiler.is_compiling():
            return self._fn(call_next, query, key, value, *whole, call)
        try:
            out = self._fn(call_next, query, key, value, *whole, call)
        except VstarError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            raise PluginError(f"{self._where} failed: {type(error).__name__}: {error}") from error
        return _checked(out, (*query.shape[:-1], value.shape[-1]), self._where).to(value.dtype)


class WrappedJointAttention(WrappedAttention):
    """The same at a joint site: the function sees the tokens of the video alone, frame by frame, and text is beside all of them.

    Tokens of text attend as the model has it, and every call of the attention inside has all of them among its keys.

    Args:
        attend: see `WrappedAttention`.
        wrap: likewise.
        where: likewise.
        current: likewise.
        strength: likewise.
        frames: of the clip.
    """

    def __init__(
        self, attend: Executor, wrap: Wrap, where: str, current: Current, strength: Placed | None = None, *, frames: int
    ) -> None:
        super().__init__(attend, wrap, where, current, strength)
        self._frames = frames

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None = None, layout: Layout = ALL_VIDEO
    ) -> Tensor:
        """The attention output; see `WrappedAttention`."""
        attend = cast(JointExecutor, self._attend)
        seeing, video = layout.video(query.shape[2]), layout.video(key.shape[2])
        q, k, v = query[:, :, seeing], key[:, :, video], value[:, :, video]
        count = self._frames if part is None else len(set(cast(Any, part.queries).tolist()))
        frame_of = torch.arange(count, device=query.device).repeat_interleave(q.shape[2] // count)
        whole = part or Frames(frame_of, frame_of.clone())  # two tensors, so that each is known by itself

        def beside(text: Tensor, some: Tensor, at: slice) -> Tensor:
            """Some tokens of the video among those of the text."""
            return torch.cat([text[:, :, : at.start], some, text[:, :, at.stop :]], dim=2) if layout.texts else some

        def inside(q: Tensor, k: Tensor, v: Tensor, frames: Frames) -> Tensor:
            q, k, v = beside(query, q, seeing), beside(key, k, video), beside(value, v, video)
            if frames.queries is whole.queries and frames.keys is whole.keys:
                out = attend(q, k, v, part, layout)
            else:
                out = attend(q, k, v, frames, layout.with_video(len(frames.keys)))
            return out[:, :, layout.video(q.shape[2])]

        made = self._shared(inside, q, k, v, whole, len(query) * (q.shape[2] // count))
        if not layout.texts:
            return made
        out = with_texts_done(query, key, value, layout)
        out[:, :, seeing] = made
        return out


def _checked(out: object, expected: tuple[int, ...], where: str) -> Tensor:
    """What the function of a wrap gave, if it is what the attention gives."""
    if not isinstance(out, Tensor) or out.shape != expected:
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise PluginError(f"{where} gave {got}; it must give a tensor of shape {expected}")
    return out
