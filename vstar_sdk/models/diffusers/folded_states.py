"""Networks that read the text of each key state by itself before frames read it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def folded_states(
    module: nn.Module, states: int, texts: Collection[int], unfolded: Callable[[Tensor], Tensor]
) -> Generator[None]:
    """While it is open, the key states of a video are videos of their own to a module that reads text.

    Args:
        module: its arguments are tensors ``(videos, ...)``, by position.
        states: how many there are.
        texts: which arguments hold the states' tokens, ``(videos, states * tokens, ...)``; each state is given all others.
        unfolded: takes the output ``(videos, states, ...)``, and gives that for the videos.
    """

    def fold(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(
            torch.unflatten(x, 1, (states, -1)).flatten(0, 1) if place in texts else x.repeat_interleave(states, dim=0)
            for place, x in enumerate(args)
        )

    def unfold(_: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        del args
        return unfolded(torch.unflatten(out, 0, (-1, states)))

    before, after = module.register_forward_pre_hook(fold), module.register_forward_hook(unfold)
    try:
        yield
    finally:
        before.remove()
        after.remove()
