"""One clip on several devices: each holds a part of the tokens, and for attention all tokens of a part of the heads.

Sequence parallelism by exchange of heads (Ulysses; Jacobs et al., arXiv 2309.14509). Every row of logits is whole on one device,
so that whatever is done to rows is what it is on one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.distributed import ProcessGroup

_distributed: Any = cast(Any, torch).distributed  # typed in part


@dataclass(frozen=True)
class Ulysses:
    """The exchange of heads for tokens among processes; all of them call it together.

    Attributes:
        group: the processes, in the order of their tokens.
    """

    group: ProcessGroup

    @property
    def size(self) -> int:
        """How many processes share a clip."""
        return self.group.size()

    def heads(self, x: Tensor) -> Tensor:
        """All tokens of this process's heads: ``(batch, heads / size, size * n, channels)``.

        Args:
            x: its tokens of all heads, ``(batch, heads, n, channels)``.
        """
        parts = torch.unflatten(x, 1, (self.size, -1)).transpose(0, 1)  # each process's heads
        return self._exchanged(parts).permute(1, 2, 0, 3, 4).flatten(2, 3)

    def tokens(self, x: Tensor) -> Tensor:
        """This process's tokens of all heads: what `heads` was given.

        Args:
            x: all tokens of its heads, ``(batch, heads / size, size * n, channels)``.
        """
        parts = torch.unflatten(x, 2, (self.size, -1)).permute(2, 0, 1, 3, 4)  # each process's tokens
        return self._exchanged(parts).transpose(0, 1).flatten(1, 2)

    def own_heads(self, x: Tensor) -> Tensor:
        """This process's heads of what every process has whole: ``(batch, heads, n, channels)``."""
        return x.chunk(self.size, dim=1)[self.group.rank()]

    def _exchanged(self, parts: Tensor) -> Tensor:
        given = parts.contiguous()
        got = torch.empty_like(given)
        _distributed.all_to_all_single(got, given, group=self.group)
        return got
