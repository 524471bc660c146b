"""Operations: what a regularizer asks of a site's attention, as plain values. No torch.

An operation says *what*, never *how*: `vstar_sdk.attention.plan` compiles all operations of a site into one execution::

    A_ij = q_i k_j (Q K^T)_ij / sqrt(d)                 Scale    scales multiply
    A'   = A + sum_s s(A) B_s                           Bias     biases add
    P    = softmax(A')
    P'   = (1 - weight) P + weight M                    Mix      mixes run in the order of the spec
    out  = P' V
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Statistic = Literal["none", "max", "spread"]
"""A number for each row of the logits ``A`` before any bias: 1, ``max_j A_ij``, or ``max_j A_ij - mean_j A_ij``.

``spread`` is never negative and does not change when a constant is added to the logits; ``max`` is neither.
"""


@dataclass(frozen=True)
class Bias:
    """A frame-pair bias: ``A'_ij = A_ij + s_i B_ij``, with ``B = fn(distance)`` and ``s`` the statistic of row ``i``.

    Attributes:
        fn: from the distances ``i - j``, float64 of shape ``(F, F)``, to ``B`` of the same shape. Called once for a site and
            clip. Entries are finite; with the statistic ``none`` they may be ``-inf`` (frame ``j`` hidden from ``i``), but
            never in a whole row.
        stat: the statistic that multiplies the rows.
    """

    fn: Callable[[Tensor], Tensor]
    stat: Statistic = "none"


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
    """

    fn: Callable[[Tensor], Tensor]
    weight: float = 1.0


Operation: TypeAlias = Bias | Scale | Mix
"""Any operation."""
