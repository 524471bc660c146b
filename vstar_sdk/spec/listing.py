"""The plugins that a spec lists: names alone, or mappings of ``use`` and the options of their hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, Union, cast

from pydantic import BeforeValidator, Discriminator, Field, Tag, create_model
from pydantic_core import PydanticCustomError

from vstar_sdk.errors import SpecError
from vstar_sdk.options import Options
from vstar_sdk.plugin.plugin import Plugin
from vstar_sdk.spec.choice import NAME, PLAIN, TAG, Choice, member_of


def listing(plugins: Mapping[str, Plugin]) -> Any:
    """The annotation of one item of ``plugins``: the options of a plugin, or the name of one without.

    Args:
        plugins: those that may be listed, by namespace.
    """
    chooser = BeforeValidator(_chooser(plugins))
    if not plugins:
        return Annotated[str, chooser]
    names = sorted(plugins)
    members: list[Any] = [Annotated[_model(plugins[name]), Tag(TAG + name)] for name in names]
    members += [Annotated[Literal[tuple(names)], Tag(NAME)], Annotated[str, Tag(PLAIN)]]  # type: ignore[valid-type]
    union: Any = Union[tuple(members)]  # noqa: UP007  (its members are known only now)
    shape = Choice(tuple(names), "plugin", alone=tuple(name for name in names if not _needs(plugins[name])), plain=True)
    return Annotated[union, Discriminator(member_of(names)), chooser, shape]


def taking_part(listed: Iterable[Options | str], plugins: Mapping[str, Plugin], passed: Iterable[Plugin]) -> tuple[Plugin, ...]:
    """The plugins whose hooks take part, in order, each with its options.

    Args:
        listed: the validated items of ``plugins``.
        plugins: by namespace.
        passed: by the caller; those that are not listed follow.

    Raises:
        SpecError: a plugin with options is listed twice, or one that was passed must be listed for its options.
    """
    chosen: dict[str, Plugin] = {}
    for index, item in enumerate(listed):
        name = item if isinstance(item, str) else item.part
        if name in chosen and not isinstance(item, str):
            raise SpecError(f"the plugin {name} is listed twice", path=("plugins", index))
        chosen.setdefault(name, plugins[name].with_options(None if isinstance(item, str) else item))
    others = [plugin for plugin in passed if not any(plugin.identity == plugins[name].identity for name in chosen)]
    return (*chosen.values(), *(plugin.with_options(None) for plugin in others))


def _model(plugin: Plugin) -> type[Options]:
    base = plugin.hook_options or Options
    summary = f"The plugin {plugin.namespace}{' with options' if plugin.hook_options else ''}."
    use: Any = (Literal[plugin.namespace], Field(default=plugin.namespace, description=summary))
    return create_model(f"{plugin.namespace}.plugin", __base__=base, __doc__=base.__doc__, use=use)


def _needs(plugin: Plugin) -> bool:
    """Whether some of a plugin's options must be written."""
    return plugin.hook_options is not None and any(field.is_required() for field in plugin.hook_options.model_fields.values())


def _chooser(plugins: Mapping[str, Plugin]) -> Callable[[object], object]:
    """Checks an item before pydantic does; one without options becomes a name alone, one with options a mapping."""

    def choose(value: object) -> object:
        if isinstance(value, Options):
            return value
        if not isinstance(value, str | dict):
            raise PydanticCustomError("plugin_shape", "write the name of a plugin here, or a mapping: use: NAME and its options")
        written = {"use": value} if isinstance(value, str) else cast(dict[str, Any], value)
        plugin = plugins.get(str(written.get("use")))
        if plugin is None:
            if isinstance(value, str):
                return value
            raise PydanticCustomError("plugin_unnamed", "'use' is missing: name a plugin")
        if isinstance(value, str) and _needs(plugin):
            message = f"'{value}' has options that must be written: {{use: {value}, ...}}"
            raise PydanticCustomError("plugin_plain", "{message}", {"message": message})
        return plugin.namespace if plugin.hook_options is None and list(written) == ["use"] else written

    return choose
