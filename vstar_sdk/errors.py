"""Every error that vstar_sdk raises on purpose.

::

    VstarError                    exit code
    ├── SpecError                     2      the spec, a file or an argument is wrong
    ├── TemplateError                 2      a synopsis template is wrong
    ├── PluginError                   3      a plugin is broken
    ├── MissingDependency             3      an optional package is not installed
    ├── BackendError                  4      a language model did not answer as needed
    ├── ModelError                    5      a video model cannot be loaded or used
    ├── SamplerError                  6      sampling went wrong
    ├── OutputError                   7      a file cannot be written
    ├── ExpectationError              8      a finished video is not as its spec expects
    ├── RunCancelled                130      the caller, or a plugin, ended the run
    └── RunPaused                     0      the run waits on disk, as it was asked to

    StopRun                                  raised *by* an observer to end a run
"""

from __future__ import annotations

import importlib.metadata
import traceback
from typing import Any, ClassVar

SpecPath = tuple[str | int, ...]
"""Where in a spec: ``("regularizers", 0, "sigma")``."""


class VstarError(Exception):
    """The base of all: a message that says what and where, and a hint that says what to do.

    Args:
        message: what went wrong and where, for a person.
        hint: the remedy, or None when the message already holds it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(VstarError):
    """A spec, a file or an argument is wrong.

    Args:
        message: what is wrong.
        hint: the remedy.
        path: the place in the spec, when it is known; a part gives it relative to its own options.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str | None = None, path: SpecPath = ()) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.placed = False
        """Whether the path begins at the spec already."""

    def under(self, *prefix: str | int) -> SpecError:
        """The same error, its path moved below ``prefix`` unless it begins at the spec already."""
        if self.placed:
            return self
        return SpecError(self.message, hint=self.hint, path=(*prefix, *self.path))


class SamplingEnded(BaseException):
    """Goes through a sampler when a step has ended the run, for whatever reason: nothing for it to catch."""


class TemplateError(VstarError):
    """A synopsis template is wrong: its syntax, its variables or what it renders to."""

    exit_code: ClassVar[int] = 2


class PluginError(VstarError):
    """A plugin is broken, or breaks the contract of a hook; one that is absent is a `SpecError`."""

    exit_code: ClassVar[int] = 3


class MissingDependency(VstarError):
    """A part needs a package that is not installed; the hint names the command that installs it."""

    exit_code: ClassVar[int] = 3


class BackendError(VstarError):
    """A language model could not be reached, refused, or gave no usable answer within bounds."""

    exit_code: ClassVar[int] = 4


class ModelError(VstarError):
    """A video model cannot be loaded, or is not what its adapter expects."""

    exit_code: ClassVar[int] = 5


class SamplerError(VstarError):
    """Sampling went wrong: non-finite latents, a scheduler that cannot do what is asked."""

    exit_code: ClassVar[int] = 6


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that no memory was left: Python's own, or one of the ways in which torch says so."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY))


_NO_MEMORY = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""In the messages of torch's plain RuntimeErrors: of a CPU; of a device (CUDA, MPS); of a library that hides the device's."""


class OutputError(VstarError):
    """A file cannot be written."""

    exit_code: ClassVar[int] = 7


class ExpectationError(VstarError):
    """A video is finished, and is not as its spec expects; it is kept all the same.

    Attributes:
        result: the `vstar_sdk.Result` of the run; None where the error comes from another process.
    """

    exit_code: ClassVar[int] = 8

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.result: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it without the result, which holds tensors and the way to a model."""
        return type(self), self.args, vars(self) | {"result": None}


class RunCancelled(VstarError):
    """The run was ended at a step boundary by its caller or by a plugin that raised `StopRun`."""

    exit_code: ClassVar[int] = 130


class RunPaused(VstarError):
    """The run has stopped after the step that it was asked to stop after, and can be resumed."""

    exit_code: ClassVar[int] = 0


class StopRun(Exception):
    """Raised by an observer (an ``on_*`` hook) to end the run at the next step boundary.

    Any other exception of an observer is logged and counted, and the run goes on.
    """


def message_of(error: BaseException) -> str:
    """What went wrong; an exception that nobody expected names the package it came from."""
    if isinstance(error, VstarError):
        return error.message
    return f"unexpected {type(error).__name__} in {origin(error)}: {error}"


def hint_of(error: BaseException) -> str | None:
    """What to do."""
    if isinstance(error, VstarError):
        return error.hint
    return "this is a fault of the program; `vstar -v ...` shows where it happened"


def exit_code_of(error: BaseException) -> int:
    """The exit code of a program that ends by an error: by the table above; 1 for whatever is not in it."""
    return error.exit_code if isinstance(error, VstarError) else 1


def origin(error: BaseException) -> str:
    """The distribution whose code raised, with its version."""
    frames = list(traceback.walk_tb(error.__traceback__))
    module = frames[-1][0].f_globals.get("__name__", "") if frames else ""
    top = module.partition(".")[0]
    for name in importlib.metadata.packages_distributions().get(top, []):
        return f"{name} {importlib.metadata.version(name)}"
    return top or "an unknown place"


def error_json(error: BaseException) -> dict[str, Any]:
    """An error as JSON data: ``type``, ``message``, ``hint`` and ``exit_code``."""
    return {
        "type": type(error).__name__,
        "message": message_of(error),
        "hint": hint_of(error),
        "exit_code": exit_code_of(error),
    }
