"""Pipelines that call the network for each branch of guidance by itself, and say which it is."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch import nn

from vstar_sdk.models.family import Branches


@contextmanager
def branches_as_said(denoiser: nn.Module, latents: str, negative: str) -> Generator[Branches]:
    """See `Family.branches`: the name of the context of caches that a pipeline opens around each call.

    Args:
        denoiser: the network.
        latents: its argument that holds them.
        negative: what the pipeline calls the branch of the negative prompt.
    """
    network: Any = denoiser
    said: list[str] = []
    cache_context = network.cache_context

    def watched(name: str, **where: Any) -> AbstractContextManager[None]:
        said[:] = [name]
        return cache_context(name, **where)

    network.cache_context = watched
    try:
        yield lambda call: (said != [negative],) * len(call[latents])
    finally:
        del network.cache_context
