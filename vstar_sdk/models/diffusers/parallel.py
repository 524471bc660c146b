"""Context parallelism of diffusers: the tokens of one clip shared among the processes that torchrun has started."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import torch
from diffusers.hooks.context_parallel import apply_context_parallel
from diffusers.models import _modeling_parallel as modeling_parallel  # pyright: ignore[reportPrivateUsage]
from torch import nn
from torch.distributed.device_mesh import init_device_mesh

from vstar_sdk.attention.parallel import Ulysses
from vstar_sdk.errors import ModelError, SamplerError

_distributed: Any = cast(Any, torch).distributed  # typed in part
_parallel: Any = modeling_parallel
_TEXT = frozenset({"encoder_hidden_states", "encoder_attention_mask"})


class Share(NamedTuple):
    """Which of the equal parts of a clip's tokens a process has.

    Attributes:
        place: from 0.
        parts: how many they are.
    """

    place: int
    parts: int


def share_of(network: Any) -> Share | None:
    """The part of the tokens that a network sees in this process; None for all of them."""
    config = getattr(network, "_parallel_config", None)
    if config is None:
        return None
    context = config.context_parallel_config
    return Share(context._ulysses_local_rank, context.ulysses_degree)


def check_share(network: Any, tokens: int) -> None:
    """Refuse a clip that cannot be parted.

    Args:
        network: that is to be called.
        tokens: of the clip.

    Raises:
        SamplerError: processes share it, and their parts would not be equal.
    """
    share = share_of(network)
    if share is not None and tokens % share.parts:
        raise SamplerError(
            f"the {tokens} tokens of this clip cannot be shared equally among {share.parts} devices",
            hint=f"choose frames and size so that latent frames x rows x columns is a multiple of {share.parts}",
        )


def exchange_of(processor: Any, where: str) -> Ulysses | None:
    """How an attention gets whole rows of logits; None where it has them.

    Args:
        processor: an attention processor of diffusers.
        where: the attention, for messages.

    Raises:
        ModelError: its tokens are shared in a way that leaves no row of logits whole.
    """
    config = getattr(processor, "_shares_queries", None) or getattr(processor, "_parallel_config", None)
    if config is None:
        return None
    if why := inexact(config):
        raise ModelError(f"{where} has {why[0]}", hint=why[1])
    return Ulysses(config.context_parallel_config._ulysses_mesh.get_group())


def inexact(config: Any) -> tuple[str, str] | None:
    """Why regularizers cannot be exact under a configuration of parallelism, and what to do; None where they can.

    Args:
        config: a ``ParallelConfig`` of diffusers.
    """
    context = getattr(config, "context_parallel_config", None)
    hint = "use ContextParallelConfig(ulysses_degree=N), which exchanges heads"
    if context is None:
        return "parallelism that is not over the context", "enable none, or ContextParallelConfig(ulysses_degree=N)"
    if context.ring_degree > 1:
        return "context parallelism by a ring, in which no device sees a whole row of logits", hint
    if context.ulysses_anything:
        return "context parallelism with parts of different sizes", hint
    return None


def join(count: int, device: str) -> str:
    """Join the processes that torchrun has started, which share every clip from now on.

    Args:
        count: of the processes, as the spec says.
        device: that was resolved.

    Returns:
        The device of this process: of several GPUs its own.

    Raises:
        ModelError: torchrun has not started so many.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != count or not _distributed.is_available():
        there = "this is alone" if started == 1 else f"{started} were started"
        raise ModelError(
            f"model.ulysses: {count} needs {count} processes, and {there}",
            hint=f"start them with: torchrun --nproc-per-node {count} --no-python vstar run story.yaml",
        )
    own = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device
    if not _distributed.is_initialized():
        if own.startswith("cuda"):
            torch.cuda.set_device(own)
        _distributed.init_process_group("nccl" if own.startswith("cuda") else "gloo")
    return own


def share_tokens(networks: Iterable[nn.Module], count: int, device: str) -> None:
    """Have networks compute a part of the tokens of every clip in each process, their self-attention by exchange of heads.

    It is what ``enable_parallelism`` does, which works on a GPU alone, but that the text stays whole in every process: so each
    latent frame can read its own.

    Args:
        networks: of diffusers, already where they compute.
        count: of the processes.
        device: of this one.

    Raises:
        ModelError: a network cannot be shared, or not among so many.
    """
    kind = torch.device(device).type
    mesh = init_device_mesh(kind, (1, count), mesh_dim_names=("ring", "ulysses"))
    for given in networks:
        network: Any = given
        name, heads = type(network).__name__, network.config["num_attention_heads"]
        if network._cp_plan is None:
            raise ModelError(f"{name} cannot be shared among devices", hint="remove model.ulysses")
        if heads % count:
            fitting = " or ".join(str(n) for n in range(2, heads + 1) if heads % n == 0)
            raise ModelError(f"the {heads} heads of {name} cannot be shared among {count}", hint=f"use model.ulysses: {fitting}")
        context = _parallel.ContextParallelConfig(ulysses_degree=count, mesh=mesh)
        config = _parallel.ParallelConfig(context_parallel_config=context)
        config.setup(_distributed.get_rank(), count, torch.device(device), mesh=mesh)
        network._parallel_config = config
        for path, module in network.named_modules():
            processor: Any = getattr(module, "processor", None)
            if path.endswith(".attn1") and hasattr(processor, "_parallel_config"):
                processor._parallel_config = config
            elif path.endswith(".attn2") and processor is not None:
                processor._shares_queries = config  # ours: all of the text is here, and a part of the queries
        apply_context_parallel(network, context, _plan(network))


def _plan(network: Any) -> dict[str, Any]:
    """Where a network's tokens are parted and joined: as diffusers says, without the text, and with turns of every form."""
    plan: dict[str, Any] = {}
    for module, given in network._cp_plan.items():
        kept = given
        if isinstance(given, dict):
            parts = cast(dict[str, Any], given)
            kept = {name: part for name, part in parts.items() if name not in _TEXT}
        if kept:
            plan[module] = kept
    if network.config.get("rope_type") == "split":  # (batch, heads, tokens, channels), which diffusers' own plan leaves whole
        whole = _parallel.ContextParallelInput(split_dim=2, expected_dims=4, split_output=True)
        plan["rope"] = {0: whole, 1: whole}
    return plan
