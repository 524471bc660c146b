"""A text for every latent frame, in networks where the tokens of the whole clip read the text through cross-attention."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_READ: tuple[str, ...] = ("hidden_states", "encoder_hidden_states")


@contextmanager
def folded_frames(attentions: Iterable[nn.Module], frames: int) -> Generator[None]:
    """While it is open, the latent frames of a clip are videos of their own to cross-attentions to the text.

    Hooks fold the frames of the video tokens into the batch, and back again. The text of an attention has
    ``(videos * frames, tokens, dim)`` or ``(videos, frames * tokens, dim)``.

    Args:
        attentions: modules that take the video tokens ``(videos, frames * positions, channels)`` and the text, as their first two
            arguments or as ``hidden_states`` and ``encoder_hidden_states``.
        frames: latent frames.
    """

    def fold(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = {**dict(zip(_READ, args, strict=False)), **kwargs}
        video, text = (given[name] for name in _READ)
        folded = torch.unflatten(video, 1, (frames, -1)).flatten(0, 1)
        read = dict(zip(_READ, (folded, text.reshape(len(folded), -1, text.shape[-1])), strict=True))
        return (*(read[name] for name in _READ[: len(args)]), *args[2:]), {key: read.get(key, kwargs[key]) for key in kwargs}

    def unfold(_: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        del args
        return torch.unflatten(out, 0, (-1, frames)).flatten(1, 2)

    with ExitStack() as hooks:
        for attention in attentions:
            hooks.callback(attention.register_forward_pre_hook(fold, with_kwargs=True).remove)
            hooks.callback(attention.register_forward_hook(unfold).remove)
        yield
