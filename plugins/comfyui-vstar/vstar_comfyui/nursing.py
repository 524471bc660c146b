"""What stands around the calls of a MODEL that VSTAR nurses: a wrapper of ComfyUI, and its override of attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import vstar_sdk
from vstar_sdk import AttentionParams, Clock, ExportedAttention, SamplerError

from .calls import OPTIONS, Call
from .faults import with_remedy
from .frame_text import FrameTexts
from .naming import OVERRIDE, naming
from .networks import Network, Tokens

SITE = "vstar_site"
"""The key of ``transformer_options`` that names the attention that is called."""


class Nursed:
    """A wrapper of ComfyUI around each call of a network. The network is as before between calls.

    Args:
        network: what is known of it.
        regularizers: as a spec has them.
        texts: the key states; None leaves the conditioning's text.
        fps: frames a second.
    """

    def __init__(self, network: Network, regularizers: Sequence[dict[str, Any]], texts: FrameTexts | None, fps: float) -> None:
        self._network, self._regularizers, self._texts, self._fps = network, list(regularizers), texts, fps
        self._exported: tuple[tuple[Clock, torch.device], ExportedAttention] | None = None

    def __call__(self, executor: Any, *args: Any, **kwargs: Any) -> Any:
        """The network, nursed for one call."""
        with with_remedy(), ExitStack() as during:
            model: nn.Module = executor.class_obj
            call = Call(executor.original, args, kwargs)
            tokens, device = self._network.tokens(call), call.get("x").device
            clock = Clock.of_latents(tokens.frames, self._fps, self._network.rhythm)
            if self._regularizers:
                self._nurse(during, model, call, tokens, self._export(clock, device))
            if self._texts is not None:
                self._texts.enter(during, model, self._network.texts, call, clock, tokens)
            args, kwargs = call.arguments()
            return executor(*args, **kwargs)

    def _export(self, clock: Clock, device: torch.device) -> ExportedAttention:
        key = clock, device
        if self._exported is None or self._exported[0] != key:
            made = vstar_sdk.export_attention(self._regularizers, self._network.sites, clock, device=device)
            self._exported = key, made
        return self._exported[1]

    def _nurse(self, during: ExitStack, model: nn.Module, call: Call, tokens: Tokens, exported: ExportedAttention) -> None:
        step, steps = call.step()
        acting = [name for name in exported.sites if exported.acts(name, step, steps)]
        options = dict(call.options)
        prompted = call.prompted(tokens.frames if tokens.apart else 1)
        moment = {"step": step, "steps": steps, "timestep": call.timestep(), "prompted": prompted}
        options[OVERRIDE] = _override(exported, tokens, moment, options.get(OVERRIDE))
        call.set(**{OPTIONS: options})
        for name in acting:
            hook = model.get_submodule(name).register_forward_pre_hook(naming(SITE, name), with_kwargs=True)
            during.callback(hook.remove)


def _override(exported: ExportedAttention, tokens: Tokens, moment: dict[str, Any], before: Any) -> Callable[..., Any]:
    """ComfyUI's override of attention: nursed where a site is named, else as it was.

    Args:
        exported: the regularizers.
        tokens: of the call.
        moment: of the call: step, steps, timestep, prompted.
        before: an override that was there already, or None.
    """

    def attend(
        func: Callable[..., Tensor],
        q: Tensor,
        k: Tensor,
        v: Tensor,
        heads: int,
        mask: Tensor | None = None,
        attn_precision: Any = None,
        skip_reshape: bool = False,
        skip_output_reshape: bool = False,
        **more: Any,
    ) -> Tensor:
        told: dict[str, Any] = more.get(OPTIONS) or {}
        name: str | None = told.get(SITE)
        if name is None:
            asked: dict[str, Any] = {
                "mask": mask,
                "attn_precision": attn_precision,
                "skip_reshape": skip_reshape,
                "skip_output_reshape": skip_output_reshape,
            }
            call = func if before is None else partial(before, func)
            return call(q, k, v, heads, **asked, **more)
        if not skip_reshape:
            q, k, v = (torch.unflatten(x, -1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
        others = q.shape[2] - tokens.length
        params = AttentionParams(
            name,
            **moment,
            size=(tokens.height, tokens.width),
            before=0 if tokens.first else others,
            after=others if tokens.first else 0,
            visible=_visible(mask, len(q), q.shape[2]),
            axes="bhnd",
        )
        out = exported(q, k, v, params)
        return out if skip_output_reshape else out.transpose(1, 2).flatten(2)

    return attend


def _visible(mask: Tensor | None, batch: int, tokens: int) -> Tensor | None:
    """A mask of padding, which is the same for all queries, as ``(batch, tokens)``; None where nothing is hidden.

    Raises:
        SamplerError: it hides more than padding.
    """
    if mask is None:
        return None
    rows = mask.reshape(-1, mask.shape[-2], mask.shape[-1])
    if rows.shape[1] != 1 or len(rows) not in (1, batch):
        raise SamplerError(
            "the model masks attention between tokens, which VSTAR does not nurse", hint="leave regional or masked prompts out"
        )
    rows = rows[:, 0] if rows.dtype == torch.bool else rows[:, 0] > torch.finfo(rows.dtype).min / 2
    return None if bool(rows.all()) else rows.expand(batch, tokens)
