"""Faults of plugins: which are contained, and how they are told."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from vstar_sdk.errors import PluginError, RunCancelled, SamplingEnded, StopRun, VstarError, out_of_memory

AUTHOR = "remove the plugin, or report it to its author"
REMEDY = f"`vstar -v` shows where it fails; {AUTHOR}"


def text_of(error: BaseException) -> str:
    """An exception in one line: its type, and its first line."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # an author's own __str__ may fail, too
        lines = []
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def passes(error: BaseException) -> bool:
    """Whether an exception is no fault of the plugin that it passes: an interrupt, an end of the run, lack of memory."""
    return isinstance(error, KeyboardInterrupt | GeneratorExit | StopRun | RunCancelled | SamplingEnded) or out_of_memory(error)


@contextmanager
def contained(what: str, *, known: tuple[type[VstarError], ...] = (PluginError,)) -> Generator[None]:
    """Turn whatever a plugin raises into a `PluginError`, ``SystemExit`` too; what `passes` goes through.

    Args:
        what: the beginning of the message: "plugin acme (vstar-acme 1.2) cannot be imported".
        known: errors that are let through because they say all that is needed.

    Raises:
        PluginError: the block raised.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, known):
            if isinstance(error, PluginError) and error.hint is None:
                error.hint = REMEDY
            raise
        if passes(error):
            raise
        hint = error.hint if isinstance(error, VstarError) else REMEDY
        raise PluginError(f"{what}: {text_of(error)}", hint=hint) from error


def failed(plugin: object, hook: str, error: BaseException) -> PluginError:
    """The error that ends a run whose plugin failed in a hook."""
    hint = error.hint if isinstance(error, VstarError) and error.hint else REMEDY
    return PluginError(f"plugin {plugin} failed in {hook}: {text_of(error)}", hint=hint)


def contract_fault(plugin: object, hook: str, how: str) -> PluginError:
    """The error that ends a run whose plugin returned what a hook cannot take."""
    return PluginError(f"plugin {plugin} broke the contract of {hook}: {how}", hint=REMEDY)
