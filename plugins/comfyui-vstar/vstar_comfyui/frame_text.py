"""A text of its own for every latent frame, at the cross-attentions of a network of ComfyUI."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from vstar_sdk import Clock, SamplerError, Synopsis, load_spec

from .calls import Call
from .networks import Tokens
from .relaying import relay


class FrameTexts:
    """Key states as ComfyUI's text encoder reads them, and what every frame makes of them.

    Args:
        clip: ComfyUI's CLIP.
        synopsis: the key states.
        timeline: the text part, ``blend`` or ``relay``.
        interpolation: see `vstar_sdk.Timeline`.
    """

    def __init__(self, clip: Any, synopsis: Synopsis, timeline: str, interpolation: str) -> None:
        self._synopsis = synopsis
        loaded = load_spec({"prompt": "a story", "timeline": {"use": timeline, "interpolation": interpolation}})
        self._part: Any = loaded.catalog.make("texts", loaded.spec.timeline)
        read = [_encoded(clip, caption) for caption in synopsis.prompts()]
        longest = max(text.shape[1] for text, _ in read)
        self._states = torch.cat([_longer(text, longest) for text, _ in read])
        self._seen = torch.stack([_longer_mask(seen, text.shape[1], longest) for text, seen in read]).any(0)
        self._made: tuple[Clock, Any] | None = None

    def enter(self, during: ExitStack, model: nn.Module, names: Sequence[str], call: Call, clock: Clock, tokens: Tokens) -> None:
        """Give every frame its own text, for one call: the videos of the prompt read the states, the others their own text.

        Args:
            during: closed after the call.
            model: that is called.
            names: of its cross-attentions.
            call: its arguments; to be changed.
            clock: of the clip.
            tokens: of the call.

        Raises:
            SamplerError: the sequence holds more than the video, the text is of another width, or it cannot be relayed.
        """
        given: Tensor = call.get("context")
        if not tokens.first or call.get("keyframe_idxs") is not None:
            raise SamplerError(
                "a synopsis cannot be told to a call whose sequence holds other frames than the clip's",
                hint="leave out reference pictures and guides, or the synopsis",
            )
        if given.shape[-1] != self._states.shape[-1]:
            raise SamplerError(
                f"the CLIP gives text of {self._states.shape[-1]} channels, and the model was given {given.shape[-1]}",
                hint="connect the CLIP that the prompt is encoded with",
            )
        made = self._frames(clock)
        if made.bias is not None:
            relay(during, model, names, call, made.embeddings, made.bias)
            return
        prompted, frames = call.prompted(), tokens.frames
        told = made.embeddings.to(given)
        length = max(told.shape[1], given.shape[1])
        rows = [
            _longer(told if told_of else text[None].expand(frames, -1, -1), length) for told_of, text in _pairs(prompted, given)
        ]
        call.set(context=torch.cat(rows))
        mask = call.get("attention_mask")
        if mask is not None:
            seen = self._seen.to(mask)
            masks = [(seen if told_of else own)[None].expand(frames, -1) for told_of, own in _pairs(prompted, mask)]
            call.set(attention_mask=torch.cat([_longer(one[..., None], length)[..., 0] for one in masks]))
        for name in names:
            module = model.get_submodule(name)
            fold = _Fold(frames, len(given))
            during.callback(module.register_forward_pre_hook(fold.before, with_kwargs=True).remove)
            during.callback(module.register_forward_hook(fold.after).remove)

    def _frames(self, clock: Clock) -> Any:
        """A `vstar_sdk.FrameText`."""
        if self._made is None or self._made[0] != clock:
            self._made = clock, self._part.text(self._synopsis, self._states, clock)
        return self._made[1]


class _Fold:
    """Hooks of one cross-attention: its frames go into the batch, and come out again."""

    def __init__(self, frames: int, videos: int) -> None:
        self._frames, self._videos = frames, videos

    def before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Frames into the batch, of the video and of its text."""
        del module
        x, *rest = args
        folded = self._folded(x)
        if rest:
            rest[0] = self._of_frames(rest[0])
        elif "context" in kwargs:
            kwargs = kwargs | {"context": self._of_frames(kwargs["context"])}
        return (folded, *rest), kwargs

    def after(self, module: nn.Module, args: Any, output: Tensor) -> Tensor:
        """Frames out of the batch."""
        del module, args
        return torch.unflatten(output, 0, (self._videos, self._frames)).flatten(1, 2)

    def _folded(self, x: Tensor) -> Tensor:
        return torch.unflatten(x, 1, (self._frames, -1)).flatten(0, 1)

    def _of_frames(self, text: Tensor) -> Tensor:
        """The text of each frame, which some networks lay behind each other."""
        return text if len(text) == self._videos * self._frames else self._folded(text)


def _encoded(clip: Any, caption: str) -> tuple[Tensor, Tensor | None]:
    """A caption as ComfyUI's text encoder reads it, ``(1, tokens, dim)``, and which tokens count, ``(tokens,)``."""
    text, more = clip.encode_from_tokens_scheduled(clip.tokenize(caption))[0]
    seen = more.get("attention_mask")
    return text, None if seen is None else seen.reshape(-1, text.shape[1])[0].bool()


def _pairs(prompted: Sequence[bool], given: Tensor) -> list[tuple[bool, Tensor]]:
    return list(zip(prompted, given, strict=True))


def _longer(text: Tensor, tokens: int) -> Tensor:
    """Text ``(n, tokens, dim)`` with zeros behind it, as ComfyUI pads it."""
    return pad(text, (0, 0, 0, tokens - text.shape[1]))


def _longer_mask(seen: Tensor | None, tokens: int, longest: int) -> Tensor:
    known = torch.ones(tokens, dtype=torch.bool) if seen is None else seen
    return pad(known, (0, longest - tokens))
