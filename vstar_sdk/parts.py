"""How a module offers parts: the marker for hook implementations, and what ``register_*`` hooks are given.

Built-in parts and those of plugins use the same two names::

    @hookimpl
    def register_regularizers(register: Register) -> None:
        register("banded", options=BandedOptions, factory="vstar_acme.banded:Banded", summary="Hard band around the diagonal.")
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pluggy

from vstar_sdk.options import Options

if TYPE_CHECKING:
    from vstar_sdk.models.family import Family

F = TypeVar("F", bound=Callable[..., Any])

PROJECT = "vstar_sdk"
"""The name of the plugin system, and of its entry-point group."""

_marker = pluggy.HookimplMarker(PROJECT)


def hookimpl(function: F) -> F:
    """Mark a function (or method) as the implementation of the hook of the same name."""
    return _marker(function)


class Register(Protocol):
    """Given to every ``register_*`` hook; each call offers one part."""

    def __call__(
        self,
        name: str,
        *,
        options: type[Options],
        factory: str | Callable[..., Any],
        summary: str,
        needs_hooks: bool = False,
    ) -> None:
        """Offer a part.

        Args:
            name: what ``use:`` says, without a namespace: lower case, digits and hyphens.
            options: the part's option model, a subclass of `vstar_sdk.options.Options`.
            factory: called with the validated options when a run uses the part; or ``"module:attribute"``, imported then.
            summary: one line for listings.
            needs_hooks: the part is of no use without its plugin's other hooks: a spec that names the part must list the plugin.

        Raises:
            PluginError: the name is taken or malformed, the option model does not forbid unknown keys, or the plugin has no
                hooks that a part could need.
        """
        ...


class RegisterFamily(Protocol):
    """Given to the hook ``register_families``; each call offers one family of denoisers."""

    def __call__(self, *denoisers: str, family: str | Family) -> None:
        """Offer a family.

        Args:
            denoisers: names of the network classes that it knows.
            family: a `vstar_sdk.Family`, or ``"module:attribute"``, imported when a pipeline holds such a network.

        Raises:
            PluginError: another family knows a class of that name, or none is named.
        """
        ...


class RegisterTemplate(Protocol):
    """Given to the hook ``register_templates``; each call offers one template."""

    def __call__(self, name: str, path: Path) -> None:
        """Offer a template.

        Args:
            name: what ``template:`` says, without a namespace.
            path: its ``.jinja`` file.

        Raises:
            PluginError: the name is taken or malformed, or there is no such file.
        """
        ...
