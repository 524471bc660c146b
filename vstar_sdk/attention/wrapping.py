"""Attention wrapped by the function of a `Wrap`."""

from __future__ import annotations

import torch
from torch import Tensor

from vstar_sdk.attention.call import Call, Current
from vstar_sdk.attention.executors import Executor, Frames
from vstar_sdk.attention.operations import Wrap
from vstar_sdk.attention.placing import Placed
from vstar_sdk.errors import PluginError, VstarError, out_of_memory


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
        out = self._wrapped(query, key, value, part)
        if self._strength is None:
            return out
        plain = self._attend(query, key, value, part)
        return plain + (out - plain) * self._strength.on(query.device, torch.float32)

    def _wrapped(self, query: Tensor, key: Tensor, value: Tensor, part: Frames | None) -> Tensor:
        device = query.device
        whole = part or Frames(*(torch.arange(x.shape[2], device=device) for x in (query, key)))
        call = Call(query.shape[0], self._current)

        def call_next(q: Tensor, k: Tensor, v: Tensor, q_frames: Tensor, k_frames: Tensor, /) -> Tensor:
            if (q.shape[2], k.shape[2], v.shape[2]) != (len(q_frames), len(k_frames), len(k_frames)):
                sizes = f"{q.shape[2]}, {k.shape[2]} and {v.shape[2]} frames, numbered by {len(q_frames)} and {len(k_frames)}"
                raise PluginError(f"{self._where} called the attention inside with queries, keys and values of {sizes}")
            # All frames in their order need no selection from any matrix.
            same = q_frames is whole.queries and k_frames is whole.keys
            return self._attend(q, k, v, part if same else Frames(q_frames, k_frames))

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
        return _checked(out, (*query.shape[:-1], value.shape[-1]), self._where)


def _checked(out: object, expected: tuple[int, ...], where: str) -> Tensor:
    """What the function of a wrap gave, if it is what the attention gives."""
    if not isinstance(out, Tensor) or out.shape != expected:
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise PluginError(f"{where} gave {got}; it must give a tensor of shape {expected}")
    return out
