"""Operations: what a regularizer asks of a site's attention, as plain values. No torch.

An operation says *what*, never *how*: `vstar_sdk.attention.recipe` lowers all operations of a site into one execution::

    A_ij = q_i k_j (Q K^T)_ij / sqrt(d)                 Scale    scales multiply
    A'   = A + sum_s s(A) strength B_s                  Bias     biases add
    A''  = fn(A')                                       Logits   changes run in the order of the spec
    P    = softmax(A'')
    P'   = (1 - weight) P + weight M                    Mix      mixes run in the order of the spec
    out  = P' V                                         Rotary   turns Q and K before all of it
    out' = fn(attention, Q, K, V)                       Wrap     the first of the spec is the outermost
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk.attention.call import Call

Statistic = Literal["none", "max", "spread", "mean"]
"""A number for each row of the logits ``A`` before any bias: 1, ``max_j A_ij``, ``max_j A_ij - mean_j A_ij``, or ``mean_j A_ij``.

``spread`` is never negative and does not change when a constant is added to the logits; ``max`` and ``mean`` are neither.
"""


Branches = Literal["all", "prompt", "negative"]
"""In which branches of the guidance an operation acts: in all, in those that the prompt conditions, or in the others."""


@dataclass(frozen=True)
class Bias:
    """A frame-pair bias: ``A'_ij = A_ij + s_i strength B_ij``, with ``B = fn(distance)`` and ``s`` the statistic of row ``i``.

    Attributes:
        fn: from the distances ``i - j`` (see `vstar_sdk.Clock`), float64 of shape ``(F, F)``, to ``B`` of the same shape. Called
            once for a site and clip. Entries are finite; with the statistic ``none`` they may be ``-inf`` (frame ``j`` hidden
            from ``i``), but never in a whole row.
        stat: the statistic that multiplies the rows.
        strength: how much of it is added; at 0 the bias is left out.
        branches: of the guidance, in which it is added.
    """

    fn: Callable[[Tensor], Tensor]
    stat: Statistic = "none"
    strength: float = 1.0
    branches: Branches = "all"


@dataclass(frozen=True)
class Scale:
    """Temperatures: the queries times ``q`` and the keys times ``k``, so that ``A_ij`` is times ``q_i k_j``.

    Attributes:
        q: one finite number, or one for each frame.
        k: one finite number, or one for each frame.
    """

    q: float | tuple[float, ...] = 1.0
    k: float | tuple[float, ...] = 1.0


@dataclass(frozen=True)
class Mix:
    """A fixed map in the place of a part of the attention's own: ``P' = (1 - weight) P + weight M``, with ``M = fn(distance)``.

    Attributes:
        fn: from the distances ``i - j``, float64 of shape ``(F, F)``, to ``M`` of the same shape: no entry is negative, and
            every row sums to 1. Called once for a site and clip.
        weight: 0 to 1.
        branches: of the guidance, in which it is mixed in.
    """

    fn: Callable[[Tensor], Tensor]
    weight: float = 1.0
    branches: Branches = "all"


@dataclass(frozen=True)
class Logits:
    """Any other change of the logits: ``fn`` is called on chunks of them, after scales and biases, and changes them in place.

    Attributes:
        fn: ``fn(logits, distance)`` returns nothing, or ``logits`` itself: float32 of shape ``(n, heads, frames, frames)``, for
            ``n`` of the positions; ``distance`` holds ``i - j``, float32 of shape ``(frames, frames)``. At joint sites both are
            of tokens in the place of frames: of some of the video's with all of them, one head at a time. The function must treat
            every row by itself, for nothing says which rows share a chunk. ``-inf`` hides a frame, but never a whole row; what is
            hidden, or shown where it was hidden, is so in full at every strength above 0.
        branches: of the guidance, in which they are changed.
    """

    fn: Callable[[Tensor, Tensor], Tensor | None]
    branches: Branches = "all"


class CallNext(Protocol):
    """The attention inside a `Wrap`, with everything that the other operations of the site say."""

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, q_frames: Tensor, k_frames: Tensor, /) -> Tensor:
        """Attend, on all frames or on some.

        Args:
            query: ``(batch, heads, n, head_dim)``.
            key: ``(batch, heads, m, head_dim)``.
            value: ``(batch, heads, m, channels)``.
            q_frames: the frames of the queries, int64 of shape ``(n,)``. For all frames pass on the very tensor that the function
                was given: by it the attention is known to be whole, which is the fast way, and the only one that a `Mix` allows.
            k_frames: the frames of keys and values, int64 of shape ``(m,)``; likewise.

        At joint sites ``n`` and ``m`` count tokens of the video, and these say the frame of each; the text is among the keys of
        every call.

        Returns:
            ``(batch, heads, n, channels)``.

        Raises:
            PluginError: the numbers of frames do not agree, or a `Mix` of the same site was asked for a part of the frames.
        """
        ...


@dataclass(frozen=True)
class Wrap:
    """Attention called any number of times, on all frames or on some, and combined.

    Attributes:
        fn: ``fn(call_next, query, key, value, q_frames, k_frames, call)`` returns the output, of the shape that ``call_next``
            gives for these arguments; see `CallNext`. ``call`` is a `vstar_sdk.Call`: the moment, the branches of guidance, and
            the picture's height and width at the site. At a factorised site the batch holds every position of every video; at a
            joint one it holds the videos, and the tokens are every position of every frame, frame by frame.
    """

    fn: Callable[[CallNext, Tensor, Tensor, Tensor, Tensor, Tensor, Call], Tensor]


@dataclass(frozen=True)
class Rotary:
    """Other rotary positions: the frame of a query or key turns its channels by other angles; tokens of text stay as they are.

    Attributes:
        fn: ``fn(positions, frequencies)`` gives the angles ``(F, n)``, in radians, float64: the model's own are
            ``positions[:, None] * frequencies``. ``positions`` are the frames ``0 .. F - 1``, ``frequencies`` the ``(n,)`` of the
            site's `vstar_sdk.RotaryPositions`. Called once for a site and clip.
    """

    fn: Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class SegmentBias:
    """Where frames read the text of key states, a bias for each of both: ``A_ij + B[frame of i, state of j]``.

    These are cross sites, and joint sites whose sequence holds the text. At the latter the text of a state reads the frames with
    the same bias, and no text of other states. It has a meaning where the text part gives the states' tokens (``relay``).

    Attributes:
        fn: ``fn(positions, spans)`` gives ``B`` of shape ``(F, states)``, float64. ``positions`` are those of the frames (see
            `vstar_sdk.Clock`), ``(F,)``; ``spans`` the first and the last position that each state rules, ``(states, 2)``.
            Entries are finite or ``-inf`` (hidden), but never in a whole row. Called once for a site and clip.
    """

    fn: Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Skip:
    """In a branch of a guidance, attention or its whole layer left out; no regularizer may ask for it.

    Attributes:
        what: ``scores``: every token of the video gets its own value, ``out = V``, whatever else acts at the site; tokens of text
            keep their attention. ``layer``: the transformer block that the attention is in gives back what it was given.
    """

    what: Literal["scores", "layer"] = "scores"


OPERATIONS = "operations are Bias, Scale, Logits, Mix, Wrap, Rotary and SegmentBias of vstar_sdk"

Operation: TypeAlias = Bias | Scale | Logits | Mix | Wrap | Rotary | SegmentBias
"""Any operation."""


def branches_of(operation: Operation) -> Branches:
    """The branches in which an operation acts."""
    return operation.branches if isinstance(operation, Bias | Logits | Mix) else "all"


def acts_in(operation: Operation, prompted: bool | None) -> bool:
    """Whether an operation acts in a branch.

    Args:
        operation: any.
        prompted: whether the prompt conditions the branch; None for any branch.
    """
    branches = branches_of(operation)
    return prompted is None or branches == "all" or (branches == "prompt") == prompted
