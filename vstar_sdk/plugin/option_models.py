"""What an option model must keep to, so that a spec which uses it is checked like any other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, ValidationError

from vstar_sdk.errors import PluginError
from vstar_sdk.options import Options
from vstar_sdk.plugin import nested
from vstar_sdk.plugin.boundary.faults import text_of


def check_options(part: str, options: Any, base: type[Options], word: str, kinds: Iterable[str]) -> type[Options]:
    """Refuse an option model that would let a typo pass, or that cannot be described.

    Args:
        part: the part's name, for messages.
        options: what the plugin registered.
        base: what option models of its kind derive from.
        word: what one of its kind is called.
        kinds: names of all kinds.

    Returns:
        The option model.

    Raises:
        PluginError: it is not a subclass of its kind's base, takes unknown keys (itself or a model inside it), holds parts in a
            shape that is never made, has a field ``use`` or one that hides an attribute of the base, has no JSON Schema, or has a
            default that a spec could not have.
    """
    if not (isinstance(options, type) and issubclass(options, Options)):
        raise PluginError(f"{part}: the option model must be a subclass of vstar_sdk.options.Options")
    if not issubclass(options, base):
        raise PluginError(
            f"{part}: the option model {options.__name__} must be a subclass of vstar_sdk.{base.__name__}, as that of any {word}"
        )
    if "use" in options.model_fields:
        raise PluginError(f"{part}: the option model has a field 'use', which is reserved for the name of the part")
    for name in options.model_fields.keys() - base.model_fields.keys():
        if hasattr(base, name):
            raise PluginError(
                f"{part}: the option model has a field {name!r}, which vstar_sdk.{base.__name__} reserves",
                hint="give it another name",
            )
    for model in _models(options, set()):
        if model.model_config.get("extra") != "forbid":
            inside = "" if model is options else f" {model.__name__} inside the option model"
            raise PluginError(
                f"{part}:{inside or ' the option model'} must keep extra='forbid', so that typos in a spec are errors"
            )
    if fault := nested.shape_fault(options, tuple(kinds)):
        raise PluginError(f"{part}: {fault}")
    try:
        get_type_hints(options, include_extras=True)
        options.model_json_schema()
    except Exception as error:
        raise PluginError(f"{part}: the option model has no JSON Schema: {text_of(error)}") from error
    if fault := _default_fault(options):
        raise PluginError(f"{part}: {fault}", hint="give the option a default that a spec could have")
    return options


def _default_fault(options: type[Options]) -> str | None:
    """Which default of a model's own would be refused if a spec wrote it: pydantic looks at what is given alone."""
    strict = type(options.__name__, (options,), {"__module__": options.__module__, "model_config": {"validate_default": True}})
    parts = nested.nested(options)
    try:
        strict()
    except ValidationError as error:
        for wrong in error.errors(include_url=False, include_input=False):
            if wrong["type"] != "missing" and (not wrong["loc"] or wrong["loc"][0] not in parts):
                return f"the default of its option {'.'.join(map(str, wrong['loc'])) or '(all)'} is refused: {wrong['msg']}"
    except Exception as error:
        return f"its defaults cannot be checked: {text_of(error)}"
    return None


def _models(annotation: Any, seen: set[Any]) -> Iterator[type[BaseModel]]:
    """Every pydantic model in an annotation, and in the fields of those."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in seen:
            return
        seen.add(annotation)
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation, seen)
    for item in get_args(annotation):
        yield from _models(item, seen)
