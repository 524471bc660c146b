"""What the processors of joint self-attentions check, whatever their class: what they stand in for, and what they are given."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from vstar_sdk.attention.parallel import Ulysses
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import ModelError, SamplerError
from vstar_sdk.models.diffusers.parallel import exchange_of


def check_stands_in(
    attn: Any,
    site: Site,
    kind: type[Any] | tuple[type[Any], ...],
    processors: tuple[type[Any], ...],
    *,
    heads: str = "heads",
    parallel: bool = False,
) -> Ulysses | None:
    """Refuse an attention that is not what its address says, or that does more than plain attention.

    Args:
        attn: the module at the site.
        site: where.
        kind: the class that it should be of, or several.
        processors: those that nursing can stand in for.
        heads: the name of its attribute that counts the heads.
        parallel: whether the caller can stand in for one whose tokens processes share.

    Returns:
        How it gets whole rows of logits, where processes share the tokens of a clip; else None.

    Raises:
        ModelError: it is another attention, or something would be lost.
    """
    processor: Any = getattr(attn, "processor", None)
    hint = "undo what changed its attention (fuse_qkv_projections, an adapter, a backend, another attach) before the run"
    if not isinstance(attn, kind) or type(processor) not in processors:
        raise ModelError(f"{site.name} holds {type(processor).__name__}, which cannot be replaced", hint=hint)
    checked: Any = attn
    if getattr(checked, heads) != site.heads:
        raise ModelError(f"{site.name} is not a self-attention with {site.heads} heads")
    changed = {
        "fused projections": getattr(checked, "fused_projections", False),
        "an attention backend": getattr(processor, "_attention_backend", None) is not None,
        "context parallelism": not parallel and getattr(processor, "_parallel_config", None) is not None,
    }
    if found := [name for name, present in changed.items() if present]:
        raise ModelError(f"{site.name} has {' and '.join(found)}, which regularizers would remove", hint=hint)
    return exchange_of(processor, site.name)


def check_tokens(site: Site, hidden_states: Tensor, context: Tensor | None, mask: Tensor | None, shares: int = 1) -> None:
    """Refuse a call that is not a self-attention over the planned number of frames.

    Args:
        site: where.
        hidden_states: ``(batch, tokens, channels)``.
        context: tokens of something else, which there must be none of.
        mask: likewise.
        shares: how many processes have so many tokens each.

    Raises:
        SamplerError: it is another call.
    """
    if context is not None or mask is not None:
        raise SamplerError(f"{site.name} was called with a mask or a context, which self-attention over a clip never is")
    tokens = hidden_states.shape[1] * shares
    if tokens % site.frames:
        raise SamplerError(
            f"{site.name} saw {tokens} tokens; the plan is for {site.frames} latent frames of equal size",
            hint="plan the regularizers for the number of frames that the model samples",
        )
