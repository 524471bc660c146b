"""One plugin: a module (or object) whose hook implementations are checked against the specifications."""

from __future__ import annotations

import copy
import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pluggy

from vstar_sdk.errors import PluginError
from vstar_sdk.options import Options
from vstar_sdk.parts import PROJECT
from vstar_sdk.plugin import hook_options, specs
from vstar_sdk.plugin.boundary.calls import described
from vstar_sdk.plugin.boundary.faults import REMEDY, contained

CORE = "vstar"
"""Namespace of the built-in parts; in a spec they are named without it."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
"""What namespaces look like."""

PART_NAME = re.compile(r"[a-z0-9][a-z0-9+-]*\Z")
"""What names of parts and templates look like."""

HOOKS = tuple(name for name in vars(specs) if name.startswith(("register_", "resolve_", "transform_", "on_")))
"""Every hook, by name."""


class Plugin:
    """A plugin that has passed the checks.

    Args:
        namespace: its name; parts of it are ``namespace/part``, except `CORE`.
        source: module or object with the marked functions.
        distribution: the package and version it came from, for messages.
        installed: whether it was found as an entry point, not passed by a host: what it names to be imported is tried first.

    Raises:
        PluginError: it needs another version of the hooks; a hook is misspelled, not marked, asynchronous or a wrapper, or takes
            arguments that its specification does not have, or ``*`` and ``**``; there is none at all; or its hooks and their
            options do not fit.
    """

    def __init__(self, namespace: str, source: object, distribution: str, *, installed: bool = False) -> None:
        self.namespace = namespace
        self.distribution = distribution
        self.source = source
        self.installed = installed
        declared: object = None
        if namespace != CORE:
            _check_form(f"plugin {self}", source)
            with contained(f"plugin {self} cannot be read"):
                needed: object = getattr(source, "HOOK_API", None)
                declared = getattr(source, hook_options.ATTRIBUTE, None)
            _check_version(f"plugin {self}", needed)
        # A manager of its own: one plugin's faults can then never reach another's implementations.
        self._manager = pluggy.PluginManager(PROJECT)
        hook_options.add_specifications(self._manager)
        with contained(f"plugin {self} cannot be read"):
            try:
                self._manager.register(source, namespace)
            except pluggy.PluginValidationError as error:
                raise PluginError(
                    f"plugin {self}: {self._unfit(error)}", hint="name the hook's own arguments, some or all"
                ) from error
            try:
                self._manager.check_pending()
            except pluggy.PluginValidationError as error:
                raise PluginError(f"plugin {self}: {self._misspelled()}") from error
        self.hooks = tuple(hook for hook in HOOKS if getattr(self._manager.hook, hook).get_hookimpls())
        """The hooks that it implements."""
        self.hook_options: type[Options] | None = None
        """The option model of its hooks, where they have options."""
        self.options: Options | None = None
        """What its hooks are given as ``options``; see `with_options`."""
        if namespace != CORE:
            self._check_hooks()
            self.hook_options = hook_options.check_declared(f"plugin {self}", declared, self._takers())

    def __str__(self) -> str:
        return f"{self.namespace} ({self.distribution})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle an object by value, and a module by its name."""
        if isinstance(self.source, ModuleType):
            return _of_module, (self.namespace, self.source.__name__, self.distribution, self.installed)
        return _of_object, (self.namespace, self.source, self.distribution, self.installed)

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two plugins of one name, package and source with the same hooks: not after the source was reloaded."""
        implementations = (one for hook in self.hooks for one in getattr(self._manager.hook, hook).get_hookimpls())
        return self.namespace, self.distribution, self.installed, id(self.source), *(one.function for one in implementations)

    @property
    def takes_part(self) -> bool:
        """Whether it has hooks that take part in runs."""
        return any(hook.startswith(hook_options.VERBS) for hook in self.hooks)

    def with_options(self, options: Options | None) -> Plugin:
        """The same plugin, whose hooks are given options.

        Args:
            options: validated; None for the defaults.

        Raises:
            SpecError: there are none, and some must be written.
        """
        if self.hook_options is None:
            return self
        taking = copy.copy(self)
        taking.options = hook_options.defaults(str(self), self.hook_options) if options is None else options
        return taking

    def implementations(self, hook: str) -> Iterator[Callable[..., Any]]:
        """The plugin's implementations of one hook, each taking the hook's arguments by keyword."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():

            def call(_implementation: Any = implementation, **arguments: Any) -> Any:
                given = {hook_options.ARGUMENT: self.options, **arguments}
                # Those with a default are the hook's, too, where it has them.
                named = {name: given[name] for name in _implementation.kwargnames if name in given}
                return _implementation.function(*(given[name] for name in _implementation.argnames), **named)

            yield call

    def _takers(self) -> list[str]:
        """Its hooks that take the options."""
        implementations = {hook: getattr(self._manager.hook, hook).get_hookimpls() for hook in self.hooks}
        return [
            hook
            for hook, some in implementations.items()
            if any(hook_options.ARGUMENT in (*one.argnames, *one.kwargnames) for one in some)
        ]

    def _unfit(self, error: pluggy.PluginValidationError) -> str:
        """Which argument of which hook its specification does not have."""
        hook, last = re.search(r"for hook '(\w+)'", str(error)), str(error).splitlines()[-1].strip()
        if hook is None or not last.startswith("Argument(s)"):
            return f"{hook[1]}: {last}" if hook else last
        odd = sorted(re.findall(r"'(\w+)'", last))
        return f"{hook[1]} has no argument {', '.join(odd)}; it has {self._arguments(hook[1])}"

    def _arguments(self, hook: str) -> str:
        """Those of a hook's specification."""
        return ", ".join(getattr(self._manager.hook, hook).spec.argnames)

    def _misspelled(self) -> str:
        for name in vars(self._manager.hook):
            if not name.startswith("_") and name not in HOOKS:
                near = difflib.get_close_matches(name, HOOKS, 1)
                return f"there is no hook '{name}'." + (f" Did you mean '{near[0]}'?" if near else "")
        return "an unknown hook"

    def _check_hooks(self) -> None:
        if not self.hooks:
            raise PluginError(f"plugin {self} implements no hooks", hint="mark its functions with @vstar_sdk.hookimpl")
        for hook in self.hooks:
            for implementation in getattr(self._manager.hook, hook).get_hookimpls():
                if implementation.wrapper or implementation.hookwrapper:
                    raise PluginError(f"plugin {self}: {hook} is a wrapper, which is not supported", hint=REMEDY)
                if inspect.iscoroutinefunction(implementation.function):
                    raise PluginError(f"plugin {self}: {hook} is asynchronous; hooks are plain functions", hint=REMEDY)
                for argument in inspect.signature(implementation.function).parameters.values():
                    if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
                        raise PluginError(
                            f"plugin {self}: {hook} takes {str(argument).partition(':')[0]}, which gets nothing",
                            hint=f"name the arguments that it needs, of {self._arguments(hook)}",
                        )


def _of_module(namespace: str, module: str, distribution: str, installed: bool) -> Plugin:
    return _of_object(namespace, importlib.import_module(module), distribution, installed)


def _of_object(namespace: str, source: object, distribution: str, installed: bool) -> Plugin:
    return Plugin(namespace, source, distribution, installed=installed)


def given(source: object) -> Plugin:
    """A plugin object that a host passed: its namespace is its attribute ``namespace``, else its class's (or module's) name.

    Raises:
        PluginError: it is a class, its namespace is none, or see `Plugin`.
    """
    if isinstance(source, Plugin):
        return source
    if isinstance(source, type):
        raise PluginError(f"{source.__name__} is a class", hint=f"pass an object: plugins=[{source.__name__}()]")
    own = source.__name__.rpartition(".")[2] if isinstance(source, ModuleType) else type(source).__name__
    namespace: Any = getattr(source, "namespace", None) or own.lower().strip("_").replace("_", "-")
    if not isinstance(namespace, str) or not NAME.match(namespace) or namespace == CORE:
        raise PluginError(
            f"a plugin passed by the caller: {namespace!r} is not a namespace",
            hint="give the object an attribute namespace: lower case letters, digits and hyphens",
        )
    return Plugin(namespace, source, "passed by the caller")


def _check_version(what: str, needed: object) -> None:
    """Refuse a plugin that says, by ``HOOK_API``, that it needs another version of the hooks.

    Raises:
        PluginError: it does.
    """
    if needed is None or needed == specs.HOOK_API:
        return
    if not isinstance(needed, int):
        raise PluginError(f"{what}: its HOOK_API is {described(needed)}, not a number", hint=f"write HOOK_API = {specs.HOOK_API}")
    newer = needed > specs.HOOK_API
    raise PluginError(
        f"{what} needs version {needed} of the hooks (HOOK_API), and this is version {specs.HOOK_API}",
        hint="install a newer vstar-sdk" if newer else "install a newer version of the plugin",
    )


def _check_form(who: str, source: object) -> None:
    """Refuse what pluggy would pass over in silence: a class, and a hook that nobody marked."""
    if isinstance(source, type):
        raise PluginError(f"{who} is a class", hint="pass an object or a module")
    for hook in HOOKS:
        found: Any = inspect.getattr_static(source, hook, None)
        function = getattr(found, "__func__", found)
        if inspect.isfunction(function) and not hasattr(function, f"{PROJECT}_impl"):
            raise PluginError(f"{who}: {hook} is not marked as a hook", hint="write @vstar_sdk.hookimpl above it")
