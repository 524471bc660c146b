"""Matrices on every device and in every precision that asks for them, each once."""

from __future__ import annotations

import hashlib
from weakref import WeakValueDictionary

import torch
from torch import Tensor


class Placed:
    """A matrix kept in float64 on the CPU, and placed once for every device and precision that asks for it.

    Made by `placed`, or by itself where it is to be changed.

    Attributes:
        matrix: the original.
    """

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix
        self._placed: dict[tuple[torch.device, torch.dtype], Tensor] = {}
        self._latest: Tensor | None = None

    def on(self, device: torch.device, dtype: torch.dtype) -> Tensor:
        """The matrix on a device, in a precision."""
        if torch.compiler.is_compiling():  # a graph that reads a dictionary is compiled again when it has changed
            there = self._latest
            if there is not None and there.device == device and there.dtype == dtype:
                return there
            return self.matrix.to(dtype).to(device)
        if (device, dtype) not in self._placed:
            with torch.inference_mode(False):  # it may outlive the mode that it is first used in
                self._placed[device, dtype] = self.matrix.to(dtype, copy=True).to(device)  # some devices have no float64
        self._latest = self._placed[device, dtype]
        return self._latest

    @torch.no_grad()
    def write(self, matrix: Tensor) -> None:
        """Change the matrix wherever it is, in place: a compiled graph reads it where it was.

        Args:
            matrix: of the same shape, float64, on the CPU.
        """
        self.matrix = matrix
        for there in self._placed.values():
            there.copy_(matrix.to(there.dtype))


_IN_USE: WeakValueDictionary[tuple[tuple[int, ...], bytes], Placed] = WeakValueDictionary()


def placed(matrix: Tensor | Placed) -> Placed:
    """A matrix to be placed; equal ones are the same, for the sites of a level mostly have equal ones.

    Args:
        matrix: float64, on the CPU; not to be changed afterwards. One that is made to be changed stays itself.
    """
    if isinstance(matrix, Placed):
        return matrix
    key = tuple(matrix.shape), hashlib.sha256(matrix.detach().numpy().tobytes()).digest()
    return _IN_USE.setdefault(key, Placed(matrix))
