"""Faults of plugins: what is contained, and how it is told."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vstar_sdk.errors import PluginError, VstarError

if TYPE_CHECKING:
    from vstar_sdk.plugin.plugin import Plugin

REMEDY = "take the plugin out, or tell its author"


def said(error: BaseException) -> str:
    """An exception in one line: its type, and its first line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


@contextmanager
def contained(what: str, *, known: tuple[type[VstarError], ...] = (PluginError,)) -> Generator[None]:
    """Turn whatever a plugin raises into a `PluginError`, ``SystemExit`` too; only an interrupt goes through.

    Args:
        what: the beginning of the message: "plugin acme (vstar-acme 1.2) cannot be imported".
        known: errors that are let through because they say all that is needed.

    Raises:
        PluginError: the block raised.
    """
    try:
        yield
    except (*known, KeyboardInterrupt) as error:
        if isinstance(error, PluginError) and error.hint is None:
            error.hint = REMEDY
        raise
    except BaseException as error:
        hint = error.hint if isinstance(error, VstarError) else REMEDY
        raise PluginError(f"{what}: {said(error)}", hint=hint) from error


def failed(plugin: Plugin, hook: str, error: BaseException) -> PluginError:
    """The error that ends a run whose plugin failed in a hook."""
    hint = error.hint if isinstance(error, VstarError) and error.hint else REMEDY
    return PluginError(f"plugin {plugin} failed in {hook}: {said(error)}", hint=hint)


def broke(plugin: Plugin, hook: str, how: str) -> PluginError:
    """The error that ends a run whose plugin returned what a hook cannot take."""
    return PluginError(f"plugin {plugin} broke the contract of {hook}: {how}", hint=REMEDY)
