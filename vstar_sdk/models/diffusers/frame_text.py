"""A text for every latent frame, in networks where the tokens of the whole clip read the text through cross-attention."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from vstar_sdk.models.diffusers.parallel import Share

_READ: tuple[str, ...] = ("hidden_states", "encoder_hidden_states")


@contextmanager
def folded_frames(attentions: Iterable[nn.Module], frames: int, share: Share | None = None) -> Generator[None]:
    """While it is open, the latent frames of a clip are videos of their own to cross-attentions to the text.

    Hooks fold the frames of the video tokens into the batch, and back again. The text of an attention has
    ``(videos * frames, tokens, dim)`` or ``(videos, frames * tokens, dim)``.

    Args:
        attentions: modules that take the video tokens ``(videos, frames * positions, channels)`` and the text, as their first two
            arguments or as ``hidden_states`` and ``encoder_hidden_states``.
        frames: latent frames.
        share: which of the clip's tokens are there, where processes share them; all of the text is.
    """
    if share is not None:
        with nullcontext() if frames == 1 else _shared_frames(attentions, frames, share):  # one text needs no folding
            yield
        return

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


@contextmanager
def _shared_frames(attentions: Iterable[nn.Module], frames: int, share: Share) -> Generator[None]:
    """`folded_frames` for a part of the tokens, whose first and last frame may lie in other processes too: zeros stand there."""
    names = (*_READ, "attention_mask")

    def bounds(tokens: int) -> tuple[range, int, int]:
        """The frames that some tokens are of, and how many tokens of the first and of the last are elsewhere."""
        positions, start = tokens * share.parts // frames, tokens * share.place
        first, end = start // positions, -(-(start + tokens) // positions)
        return range(first, end), start - first * positions, end * positions - (start + tokens)

    def fold(attention: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        del attention
        given: dict[str, Any] = {**dict(zip(names, args, strict=False)), **kwargs}
        video, text, mask = given["hidden_states"], given["encoder_hidden_states"], given.get("attention_mask")
        here, before, after = bounds(video.shape[1])
        folded = torch.unflatten(pad(video, (0, 0, before, after)), 1, (len(here), -1)).flatten(0, 1)

        def of_these(x: Tensor) -> Tensor:
            """What is given for every frame of every video, for the frames that are here."""
            by_frame = x.reshape(len(video), frames, -1, x.shape[-1])
            return by_frame[:, here.start : here.stop].flatten(0, 1)

        read = dict(zip(names, (folded, of_these(text), None if mask is None else of_these(mask)), strict=True))
        return (*(read[name] for name in names[: len(args)]), *args[3:]), {key: read.get(key, kwargs[key]) for key in kwargs}

    def unfold(attention: nn.Module, args: tuple[Any, ...], out: Tensor) -> Tensor:
        del attention, args
        tokens = out.shape[1] * frames // share.parts
        here, before, _ = bounds(tokens)
        return torch.unflatten(out, 0, (-1, len(here))).flatten(1, 2)[:, before : before + tokens]

    with ExitStack() as hooks:
        for attention in attentions:
            hooks.callback(attention.register_forward_pre_hook(fold, with_kwargs=True).remove)
            hooks.callback(attention.register_forward_hook(unfold).remove)
        yield
