"""One call into a part of a plugin: what it raises is told with its origin, what it returns is checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from vstar_sdk.errors import PluginError, SpecError, SpecPath, VstarError
from vstar_sdk.plugin.boundary.faults import REMEDY, passes, text_of


class ContractFault(Exception):
    """Raised by a check: what came is not what the contract promises.

    Args:
        how: the end of a sentence that begins with "its write() ...": "returned a int, not a Synopsis".
        hint: the remedy, where it is not that of every plugin.
    """

    def __init__(self, how: str, hint: str = REMEDY) -> None:
        super().__init__(how)
        self.how, self.hint = how, hint


@dataclass(frozen=True)
class Origin:
    """The part that is called.

    Attributes:
        part: its name and package: ``acme/lean (vstar-acme 1.2)``.
        path: its place in the spec, or () where it has none.
    """

    part: str
    path: SpecPath = ()

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.part}" if self.path else self.part


@dataclass(frozen=True)
class Call:
    """A call under way.

    Attributes:
        origin: whose method.
        method: its name.
        arguments: by name.
        memory: what checks of the same object keep between calls.
        lets: exceptions that the caller deals with itself.
    """

    origin: Origin
    method: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    memory: dict[str, Any] = field(default_factory=dict[str, Any])
    lets: tuple[type[BaseException], ...] = ()

    @contextmanager
    def guarded(self) -> Generator[None]:
        """Around anything that runs the plugin's code, or checks what it gave.

        Raises:
            PluginError: the plugin raised something unforeseen, or broke the contract.
            VstarError: the plugin's own, with its place in the spec; its class, hint and exit code stay.
        """
        try:
            yield
        except ContractFault as error:
            raise self._reported(PluginError(f"{self.origin}: its {self.method} {error.how}", hint=error.hint)) from None
        except VstarError as error:
            raise self._reported(self._placed(error)) from error.__cause__
        except BaseException as error:
            if isinstance(error, self.lets) or passes(error):
                raise
            raise self._reported(PluginError(f"{self.origin} failed in {self.method}: {text_of(error)}", hint=REMEDY)) from error

    def run(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Call; what is awaited, or yields, would silently do nothing."""
        with self.guarded():
            return function(*args, **named)

    def checked(self, check: Callable[[Any, Call], Any], value: Any) -> Any:
        """What a check makes of a value."""
        with self.guarded():
            if inspect.isawaitable(value):
                raise ContractFault("is asynchronous; methods are plain functions")
            return check(value, self)

    def _placed(self, error: VstarError) -> VstarError:
        if getattr(error, "_reported", False):
            return error
        if isinstance(error, SpecError):
            error.path = error.path if error.path[:1] == ("prompt",) else (*self.origin.path, *error.path)
            error.placed = True
        else:
            error.message = f"{self.origin}: {error.message}"
            error.args = (error.message, *error.args[1:])
        return error

    @staticmethod
    def _reported(error: VstarError) -> VstarError:
        error.__dict__["_reported"] = True
        return error


class Drawn:
    """An iterator of a plugin: each item is guarded and checked as it is drawn.

    Args:
        items: the plugin's.
        call: that returned it.
        check: of each item, with its number from 0.
        wanted: how many must come; None where any number will do.
    """

    def __init__(self, items: Any, call: Call, check: Callable[[Any, int], Any], wanted: int | None) -> None:
        self._call, self._check, self._wanted, self._count = call, check, wanted, 0
        try:
            self._items = iter(items)
        except TypeError:
            raise ContractFault(f"returned {described(items)}, which is not iterable") from None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        end = object()
        item = self._call.run(next, self._items, end)
        with self._call.guarded():
            if item is end:
                if self._wanted is not None and self._count < self._wanted:
                    raise ContractFault(f"yielded only {self._count} of {self._wanted} frames")
            elif self._count == self._wanted:
                raise ContractFault(f"yielded more than {self._wanted} frames")
            else:
                item = self._check(item, self._count)
                self._count += 1
        if item is end:
            raise StopIteration
        return item

    def close(self) -> None:
        """End the plugin's generator, if it is one."""
        if callable(close := getattr(self._items, "close", None)):
            self._call.run(close)


class Entered:
    """A context manager of a plugin; what is raised inside its block is not its fault, and it cannot swallow it."""

    def __init__(self, manager: AbstractContextManager[Any], call: Call) -> None:
        self._manager, self._call = manager, call

    def __enter__(self) -> None:
        self._call.run(self._manager.__enter__)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._call.guarded():
            try:
                self._manager.__exit__(kind, error, trace)
            except BaseException as raised:
                if raised is not error:
                    raise


def described(value: object) -> str:
    """What a value is, for messages: ``an int``, ``None``, ``the class Banded``."""
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else f"{article(type(value).__name__)} {type(value).__name__}"


def article(word: str) -> str:
    """``an`` before a vowel, else ``a``."""
    return "an" if word[0].lower() in "aeiou" else "a"


def dotted(path: SpecPath) -> str:
    """``regularizers[0].sigma`` for ``("regularizers", 0, "sigma")``."""
    text = ""
    for item in path:
        text += f"[{item}]" if isinstance(item, int) else f".{str(item)[:80]}" if text else str(item)[:80]
    return text
