"""Building a network in one thread so that no other thread notices.

The loaders of diffusers and transformers patch module construction for the whole process: `torch.nn.init`, `register_parameter`,
the default precision. Here the same is done by function modes of torch, which hold for the thread that enters them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_any, tree_map_only

_fft: Any = torch.fft

_FLOATING: frozenset[Callable[..., Any]] = frozenset(
    {
        torch.empty,
        torch.empty_permuted,
        torch.empty_strided,
        torch.ones,
        torch.zeros,
        torch.eye,
        torch.rand,
        torch.randn,
        torch.linspace,
        torch.logspace,
        _fft.fftfreq,
        _fft.rfftfreq,
        torch.bartlett_window,
        torch.blackman_window,
        torch.hamming_window,
        torch.hann_window,
        torch.kaiser_window,
    }
)
"""Functions whose result has the default precision unless they are told another."""

_INFERRING: frozenset[Callable[..., Any]] = frozenset(
    {torch.tensor, torch.as_tensor, torch.asarray, torch.scalar_tensor, torch.full, torch.arange, torch.range}
)
"""Functions whose result has the default precision where they are given Python's own floating numbers."""

_PROMOTING = frozenset(
    {"add", "sub", "rsub", "mul", "div", "true_divide", "pow", "__rsub__", "__rdiv__", "__rtruediv__", "__rpow__", "exp"}
    | {"float_power", "log", "log2", "sqrt", "rsqrt", "reciprocal", "sin", "cos", "tan", "tanh", "sigmoid"}
)
"""Names of functions that turn whole numbers into floating ones of the default precision."""

_DRAWING = frozenset({"rand", "randn", "randint", "randperm", "normal", "normal_", "uniform_", "bernoulli", "bernoulli_"})
"""Names of functions that take random numbers, from the process's generator unless they are given one."""


class DefaultPrecision(TorchFunctionMode):
    """What `torch.set_default_dtype` does, for one thread.

    Args:
        dtype: of floating tensors that are made without a word about their precision.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a function of torch."""
        named = kwargs or {}
        if named.get("dtype") is not None:
            return func(*args, **named)
        if func in _FLOATING:
            return func(*args, **{**named, "dtype": self._dtype})
        made = func(*args, **named)
        if not (isinstance(made, Tensor) and made.dtype.is_floating_point and made.dtype != self._dtype):
            return made
        given = (args, named)
        if func in _INFERRING and not tree_any(lambda value: hasattr(value, "dtype"), given):
            return func(*args, **{**named, "dtype": self._dtype})
        whole = not tree_any(lambda value: isinstance(value, Tensor) and value.dtype.is_floating_point, given)
        if getattr(func, "__name__", "") in _PROMOTING and whole:
            args, named = tree_map_only(Tensor, lambda value: value.to(self._dtype), given)
            return func(*args, **named)
        return made


class Unfilled(DefaultPrecision):
    """Parameters stay as their memory is, and no random number is taken from the process's generator.

    Memory that nobody writes to is not taken from the machine either, so that a network costs nothing until its weights come.

    Args:
        dtype: see `DefaultPrecision`.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__(dtype)
        self._generator = torch.Generator()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a function of torch."""
        if getattr(func, "__module__", None) == "torch.nn.init":
            target = args[0] if args else (kwargs or {}).get("tensor")
            if isinstance(target, nn.Parameter):
                return target
        if getattr(func, "__name__", "") in _DRAWING and (kwargs or {}).get("generator") is None:
            kwargs = {**(kwargs or {}), "generator": self._generator}
        return super().__torch_function__(func, types, args, kwargs)


@contextmanager
def unfilled(dtype: torch.dtype) -> Generator[None]:
    """Networks built in here, in this thread, have no initial weights, but all their buffers; they are on the CPU.

    The caller fills every parameter.

    Args:
        dtype: of what has no precision of its own.
    """
    elsewhere = torch.get_default_device().type != "cpu"
    with torch.device("cpu") if elsewhere else nullcontext(), Unfilled(dtype):
        yield
