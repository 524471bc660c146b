"""A network of transformers, loaded by the library's own loader without its patches of the process.

``PreTrainedModel.from_pretrained`` builds under contexts that it asks its class for, and some of them hold for every thread: the
default precision, `PreTrainedModel.tie_weights`, `torch.linspace`, `torch.nn.init`. A subclass answers with contexts of one
thread; everything else (names of weights, ties, files, precisions) stays the library's.
"""

# pyright: standard
from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel
from transformers.utils import logging

from vstar_sdk.weights.construction import DefaultPrecision

_building: ContextVar[bool] = ContextVar("building", default=False)
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


def load_pretrained(kind: Any, folder: Path, **options: Any) -> Any:
    """What ``kind.from_pretrained(folder, **options)`` gives, on the CPU.

    Args:
        kind: a class of transformers: a `PreTrainedModel`, or an ``AutoModelFor...``.
        folder: of the model.
        options: of ``from_pretrained``; ``local_files_only`` is set.

    Raises:
        Exception: whatever the library raises for a folder that it cannot load.
    """
    loader = _of_one_thread(kind) if issubclass(kind, PreTrainedModel) else _choosing(kind)
    with _without_progress_bars():
        loaded = loader.from_pretrained(folder, local_files_only=True, **options)
    network = loaded[0] if isinstance(loaded, tuple) else loaded
    network.__class__ = network.plain_class
    return loaded


class _OneThread:
    """Put before a class of networks: what building it patches is patched for this thread only."""

    plain_class: type[PreTrainedModel]

    @classmethod
    def get_init_context(cls, dtype: torch.dtype, *arguments: Any, **more: Any) -> list[AbstractContextManager[Any]]:
        """Contexts to build under: on the meta device, in the wanted precision, nothing tied."""
        return [torch.device("meta"), DefaultPrecision(dtype), _RealScales(), _set(_building)]

    def tie_weights(self, *arguments: Any, **more: Any) -> None:
        """Tie weights, but not before they are there."""
        if not _building.get():
            super().tie_weights(*arguments, **more)  # pyright: ignore[reportAttributeAccessIssue]

    @torch.no_grad()
    def initialize_weights(self) -> None:
        """Fill what no file filled: the buffers that are computed."""
        with _LoadedStays():
            # Without the decorator that replaces `torch.nn.init`.
            inspect.unwrap(super().initialize_weights.__func__)(self)  # pyright: ignore[reportAttributeAccessIssue]


class _RealScales(TorchFunctionMode):
    """Scales that a constructor reads off `torch.linspace` have values although the network is on the meta device."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a function of torch."""
        named = {"device": "cpu", **(kwargs or {})} if func is torch.linspace else (kwargs or {})
        return func(*args, **named)


class _LoadedStays(TorchFunctionMode):
    """No change in place reaches a tensor that a file has filled; the library marks those."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a function of torch."""
        named = kwargs or {}
        target = args[0] if args else named.get("tensor")
        name = getattr(func, "__name__", "")
        if name.endswith("_") and not name.endswith("__") and getattr(target, "_is_hf_initialized", False):
            return target
        return func(*args, **named)


@cache
def _of_one_thread(kind: type[PreTrainedModel]) -> Any:
    """The class by its own name, which the library goes by, with `_OneThread` before it."""
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "plain_class": kind}
    return type(kind.__name__, (_OneThread, kind), named)


@cache
def _choosing(auto: Any) -> Any:
    """An ``AutoModelFor...`` that chooses from classes of one thread."""
    return type(auto.__name__, (auto,), {"__module__": auto.__module__, "_model_mapping": _Mapping(auto._model_mapping)})


class _Mapping:
    """Networks by the class of their configuration."""

    def __init__(self, mapping: Any) -> None:
        self._mapping = mapping

    def __getitem__(self, config: type) -> Any:
        known = self._mapping[config]
        return tuple(map(_of_one_thread, known)) if isinstance(known, list | tuple) else _of_one_thread(known)

    def __contains__(self, config: object) -> bool:
        return config in self._mapping

    def __iter__(self) -> Iterator[type]:
        return iter(self._mapping)


@contextmanager
def _set(flag: ContextVar[bool]) -> Generator[None]:
    token = flag.set(True)
    try:
        yield
    finally:
        flag.reset(token)


class _Bars:
    """The library's hook for progress bars, taken while at least one thread here loads, and given back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loading = 0
        self._theirs: Any = None

    def __call__(self, factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A bar that is seen unless this thread is to be quiet."""
        if _quiet.get():
            return logging.EmptyTqdm(*args, **kwargs)
        theirs = self._theirs
        return factory(*args, **kwargs) if theirs is None else theirs(factory, args, kwargs)

    def take(self) -> None:
        """One more thread loads."""
        with self._lock:
            self._loading += 1
            if self._loading == 1:
                self._theirs = logging.set_tqdm_hook(self)

    def give_back(self) -> None:
        """One thread fewer loads."""
        with self._lock:
            self._loading -= 1
            if self._loading == 0:
                found = logging.set_tqdm_hook(self._theirs)
                if found is not self:  # set meanwhile by somebody else, whose it stays
                    logging.set_tqdm_hook(found)


_bars = _Bars()


@contextmanager
def _without_progress_bars() -> Generator[None]:
    """Progress is reported by the run's events, not on the console; other threads keep their bars."""
    _bars.take()
    try:
        with _set(_quiet):
            yield
    finally:
        _bars.give_back()
