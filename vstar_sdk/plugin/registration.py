"""What the ``register_*`` hooks are given: one registration for each plugin and kind."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from vstar_sdk.errors import PluginError
from vstar_sdk.options import Options
from vstar_sdk.plugin.boundary.faults import AUTHOR
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.plugin.option_models import check_options
from vstar_sdk.plugin.part import Part
from vstar_sdk.plugin.plugin import CORE, PART_NAME, Plugin

_FACTORY = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*\Z")


def checked(plugin: Plugin, register: Callable[..., None]) -> Callable[..., None]:
    """A registration whose arguments are looked at before: a call that does not fit is told in the author's words.

    Args:
        plugin: that registers.
        register: a `PartRegistration`, `TemplateRegistration` or `FamilyRegistration`.

    Returns:
        What its hook is given. It raises `PluginError` for a call that does not fit, and what ``register`` raises.
    """
    signature = inspect.signature(register)

    def call(*given: Any, **named: Any) -> None:
        try:
            signature.bind(*given, **named)
        except TypeError as error:
            written = ", ".join(_written(one) for one in signature.parameters.values())
            raise PluginError(
                f"plugin {plugin}: the call of register does not fit: {error}", hint=f"write register({written}), or {AUTHOR}"
            ) from error
        register(*given, **named)

    return call


def _written(parameter: inspect.Parameter) -> str:
    """A parameter as a call has it."""
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"*{parameter.name}"
    return f"{parameter.name}=..." if parameter.kind is parameter.KEYWORD_ONLY else parameter.name


class _Names:
    """Checks of names, shared by both kinds of registration."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin

    def full(self, name: str, what: str, taken: Iterable[str]) -> str:
        full = name if self.plugin.namespace == CORE else f"{self.plugin.namespace}/{name}"
        who = f"plugin {self.plugin}"
        if not isinstance(name, str) or not PART_NAME.match(name):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise PluginError(f"{who}: {name!r} is not a name for a {what}: lower case letters, digits and hyphens")
        if full in taken:
            raise PluginError(f"{who} registers the {what} '{full}' twice")
        return full


class PartRegistration(_Names):
    """The `Register` of one plugin and kind."""

    def __init__(self, plugin: Plugin, kind: str, known: Mapping[str, Part], staged: dict[str, Part]) -> None:
        super().__init__(plugin)
        self.kind, self.known, self.staged = kind, known, staged

    def __call__(
        self,
        name: str,
        *,
        options: type[Options],
        factory: str | Callable[..., Any],
        summary: str,
        needs_hooks: bool = False,
    ) -> None:
        """See `Register`."""
        full = self.full(name, KINDS[self.kind].word, {*self.known, *self.staged})
        if self.plugin.namespace != CORE:
            check_options(full, options, KINDS[self.kind].base, KINDS[self.kind].word, KINDS)
            if not (callable(factory) or (isinstance(factory, str) and _FACTORY.match(factory))):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise PluginError(f"{full}: the factory must be callable, or a text like 'package.module:Class'")
        if needs_hooks and not self.plugin.takes_part:
            raise PluginError(
                f"{full} needs the hooks of its plugin, which has none that take part in runs",
                hint="leave needs_hooks out, or add the hook",
            )
        self.staged[full] = Part(
            self.kind, full, options, factory, summary, self.plugin.distribution, self.plugin.installed, needs_hooks
        )


class TemplateRegistration(_Names):
    """The `RegisterTemplate` of one plugin."""

    def __init__(self, plugin: Plugin, staged: dict[str, Path]) -> None:
        super().__init__(plugin)
        self.staged = staged

    def __call__(self, name: str, path: Path) -> None:
        """See `RegisterTemplate`."""
        full = self.full(name, "template", self.staged)
        path = Path(path)
        if not path.is_file():
            raise PluginError(f"template {full}: there is no file {path}")
        self.staged[full] = path
