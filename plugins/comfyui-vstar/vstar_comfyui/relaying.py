"""All frames read the text of all key states, each most of all its own: Prompt Relay at the cross-attentions of a MODEL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from vstar_sdk import SamplerError

from .calls import OPTIONS, Call
from .naming import OVERRIDE, naming

_KEY = "vstar_text"
"""The key of ``transformer_options`` that names the cross-attention that is called."""


def relay(during: ExitStack, model: nn.Module, names: Sequence[str], call: Call, states: Tensor, bias: Tensor) -> None:
    """Tell a call the text of all states; the videos of the prompt read it, the others their own text.

    Args:
        during: closed after the call.
        model: that is called.
        names: of its cross-attentions.
        call: its arguments; to be changed.
        states: text of each, ``(states, tokens, dim)``.
        bias: of the logits of a latent frame with a state, ``(latent frames, states)``.

    Raises:
        SamplerError: the call masks its text.
    """
    if call.get("attention_mask") is not None:
        raise SamplerError("the model masks its text, so it cannot be relayed", hint="choose the timeline blend")
    given: Tensor = call.get("context")
    told, own = states.flatten(0, 1).to(given), given.shape[1]
    length = max(len(told), own)
    hidden = torch.finfo(given.dtype).min / 2
    of_states = pad(bias.repeat_interleave(states.shape[1], 1).clamp(min=hidden), (0, length - len(told)), value=hidden)
    of_own = pad(torch.zeros(len(bias), own), (0, length - own), value=hidden)
    prompted = call.prompted()
    texts = [told if is_told else text for is_told, text in zip(prompted, given, strict=True)]
    masks = torch.stack([of_states if is_told else of_own for is_told in prompted]).to(given)
    options = dict(call.options)
    options[OVERRIDE] = _override(masks, options.get(OVERRIDE))
    call.set(context=torch.stack([pad(text, (0, 0, 0, length - len(text))) for text in texts]), **{OPTIONS: options})
    for name in names:
        during.callback(model.get_submodule(name).register_forward_pre_hook(naming(_KEY, name), with_kwargs=True).remove)


def _override(masks: Tensor, before: Any) -> Callable[..., Any]:
    """ComfyUI's override of attention: at a cross-attention that is named, frame by frame with the frame's mask.

    Args:
        masks: added to the logits, ``(videos, latent frames, tokens)``.
        before: an override that was there already, or None; it goes on.
    """

    def attend(func: Callable[..., Tensor], q: Tensor, k: Tensor, v: Tensor, heads: int, *args: Any, **more: Any) -> Tensor:
        call = func if before is None else partial(before, func)
        told: dict[str, Any] = more.get(OPTIONS) or {}
        if _KEY not in told:
            return call(q, k, v, heads, *args, **more)
        frames = torch.unflatten(q, 1, (masks.shape[1], -1)).unbind(1)
        own = masks.to(q)
        return torch.cat([call(one, k, v, heads, **more | {"mask": own[:, n, None]}) for n, one in enumerate(frames)], 1)

    return attend
