"""The denoiser under ``torch.compile``."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from torch import nn

from vstar_sdk.errors import SamplerError, out_of_memory

BACKEND = "inductor"
"""PyTorch's own; tests use one that needs no C++ compiler."""
MOST_GRAPHS = 64
"""Graphs of one denoiser: a session may see several lengths, sizes and sets of regularizers."""


def compile_denoiser(denoiser: nn.Module) -> None:
    """Have a network compiled at its first call, once for every shape and set of attention executions.

    The network is compiled as a whole, in which it has one graph for each; its blocks, compiled by themselves, share the code
    of their classes, and so the limit that PyTorch sets to the graphs of one piece of code. Whatever cannot be compiled is an
    error (see `compile_errors`), for PyTorch would otherwise run it piece by piece, without a word and slowly.

    Args:
        denoiser: changed in place; its weights and their names stay.
    """
    options: dict[str, Any] = {"recompile_limit": MOST_GRAPHS, "isolate_recompiles": True}
    cast(Any, denoiser).compile(backend=BACKEND, fullgraph=True, dynamic=False, **options)


@contextmanager
def compile_errors() -> Generator[None]:
    """Turn what the compiler raises into one clear error.

    Raises:
        SamplerError: the network could not be compiled.
    """
    try:
        yield
    except Exception as error:
        raised_by = type(error).__module__
        if not raised_by.startswith(("torch._dynamo", "torch._inductor")) or out_of_memory(error):
            raise
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise SamplerError(
            f"torch.compile failed: {type(error).__name__}: {reason}",
            hint="remove model.compile. It needs a C++ compiler on a CPU, Triton on a GPU, and parts whose code can be compiled",
        ) from error
