"""What the tests of analysis share: maps by hand, from the queries and keys of the network as it is."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode


class ByHand(TorchFunctionMode):
    """Takes the queries and keys that reach fused attention inside the sites of a network that nothing nurses."""

    def __init__(self, denoiser: Any, names: list[str]) -> None:
        super().__init__()
        self.maps: dict[str, torch.Tensor] = {}
        self._here: str | None = None
        self._hooks = []
        for name in names:
            module = denoiser.get_submodule(name)
            self._hooks += [
                module.register_forward_pre_hook(lambda *_, name=name: setattr(self, "_here", name)),
                module.register_forward_hook(lambda *_: setattr(self, "_here", None)),
            ]

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is scaled_dot_product_attention and self._here is not None:
            given = dict(zip(("query", "key"), args, strict=False)) | (kwargs or {})
            self.maps[self._here] = self._map(given["query"], given["key"])
        return func(*args, **(kwargs or {}))

    frames = 0

    def _map(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """``(heads, frames, frames)``: every softmax written out, keys of a frame summed, queries of a frame averaged."""
        q, k = query.double(), key.double()
        dense = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1)
        batch, heads, tokens, _ = dense.shape
        cut = (batch, heads, self.frames, tokens // self.frames, self.frames, tokens // self.frames)
        return dense.reshape(cut).sum(5).mean((0, 3)).float()

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()
