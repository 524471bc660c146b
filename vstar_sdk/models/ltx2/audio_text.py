"""A text for the sound of every latent frame: audio tokens read the text of the video at their time."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.clock import Clock


def tokens_of_frames(clock: Clock, tokens: int) -> tuple[int, ...]:
    """How many of a clip's audio tokens, which follow each other evenly, fall to each latent frame.

    Args:
        clock: of the clip.
        tokens: audio tokens.
    """
    ends = [0, *(round(tokens * span.stop / clock.frames) for span in clock.spans)]
    return tuple(end - start for start, end in pairwise(ends))


@contextmanager
def folded_runs(attentions: Iterable[nn.Module], runs: Sequence[int]) -> Generator[None]:
    """While it is open, runs of tokens are videos of their own to cross-attentions to the text.

    It is `vstar_sdk.models.diffusers.frame_text.folded_frames` for runs of any length. Shorter runs are filled up by their
    neighbours' tokens, whose output is dropped.

    Args:
        attentions: modules that take tokens ``(videos, tokens, channels)`` first, and ``encoder_hidden_states``
            ``(videos, runs * tokens, dim)``.
        runs: tokens of each run, none possible.
    """
    longest, starts = max(runs), [sum(runs[:run]) for run in range(len(runs))]
    last = sum(runs) - 1
    taken = torch.tensor([[min(start + place, last) for place in range(longest)] for start in starts])
    kept = torch.tensor([run * longest + place for run, count in enumerate(runs) for place in range(count)])

    def fold(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        tokens, *rest = args
        folded: Tensor = tokens[:, taken.to(tokens.device)].flatten(0, 1)
        text: Tensor = kwargs["encoder_hidden_states"]
        return (folded, *rest), kwargs | {"encoder_hidden_states": text.reshape(len(folded), -1, text.shape[-1])}

    def unfold(_: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        del args
        return torch.unflatten(out, 0, (-1, len(runs))).flatten(1, 2)[:, kept.to(out.device)]

    with ExitStack() as hooks:
        for attention in attentions:
            hooks.callback(attention.register_forward_pre_hook(fold, with_kwargs=True).remove)
            hooks.callback(attention.register_forward_hook(unfold).remove)
        yield
