"""Public names on their way out: each still works, warns, and says what takes its place. See docs/compatibility.md."""

from __future__ import annotations

import importlib
import warnings
from typing import Any, NamedTuple


class Deprecated(NamedTuple):
    """A public name that is going to be removed.

    Attributes:
        target: where it stands, as ``module:name``.
        instead: what to use.
        removed_in: the first version without it.
    """

    target: str
    instead: str
    removed_in: str


NAMES: dict[str, Deprecated] = {}
"""By the name in `vstar_sdk`. None at present."""


def deprecated(name: str) -> Any:
    """A deprecated public name, with its warning.

    Args:
        name: one of `NAMES`.
    """
    old = NAMES[name]
    warnings.warn(
        f"vstar_sdk.{name} is deprecated and goes in {old.removed_in}: use {old.instead}", DeprecationWarning, stacklevel=3
    )
    module, _, attribute = old.target.partition(":")
    return getattr(importlib.import_module(module), attribute)
