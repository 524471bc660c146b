"""What a computation takes: operations and bytes, counted while it runs, on the meta device or on a real one."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import flop_counter
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

_counter: Any = flop_counter  # typed in part


@dataclass(frozen=True)
class Cost:
    """What a computation took.

    Attributes:
        flops: floating-point operations of its matrix products, convolutions and attentions; a multiplication and an addition
            are two.
        peak_bytes: of the tensors that it made, as many as were there at once. What kernels use inside is not seen.
    """

    flops: int
    peak_bytes: int


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that are made while it is open and still there.

    Attributes:
        live: bytes now.
        peak: the most so far.
    """

    def __init__(self) -> None:
        cast(Any, super()).__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = {_address(leaf.untyped_storage()) for leaf in _tensors((args, kwargs))}
        for tensor in _tensors(made):
            storage = tensor.untyped_storage()
            key, size = _address(storage), storage.nbytes()
            if key in given or key in self._known:
                continue
            self._known.add(key)
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._gone, key, size)
        return made

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


class _FusedAttention(TorchFunctionMode):
    """Attention on the meta device as a fused kernel does it: the output, and nothing in between."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not torch.nn.functional.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        given: dict[str, Tensor] = {**dict(zip(("query", "key", "value"), args, strict=False)), **(kwargs or {})}
        query, key, value = given["query"], given["key"], given["value"]
        self.flops += _counter.sdpa_flop_count(query.shape, key.shape, value.shape)
        # Frames or tokens before heads, as the fused kernels leave it: what follows flattens the heads without a copy.
        batch, heads, tokens = query.shape[:3]
        return query.new_empty((batch, tokens, heads, value.shape[-1])).transpose(1, 2)


@torch.no_grad()
def cost_of(compute: Callable[[], object]) -> Cost:
    """Run a computation on meta tensors, which have shapes and no data, and count.

    Args:
        compute: makes its own input, which is counted too.
    """
    with FlopCounterMode(display=False) as products, LiveBytes() as memory, _FusedAttention() as attention:
        compute()
    return Cost(products.get_total_flops() + attention.flops, memory.peak)


def weight_bytes(module: nn.Module) -> int:
    """Bytes of a module's parameters, in their precision."""
    return sum(parameter.nbytes for parameter in module.parameters())


def _address(storage: torch.UntypedStorage) -> int:
    """What tells one storage from another, on the meta device too."""
    return storage._cdata  # pyright: ignore[reportPrivateUsage]


def _tensors(tree: Any) -> Iterable[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))
