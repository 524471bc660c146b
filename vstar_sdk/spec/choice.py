"""The JSON Schema of a choice between parts: ``use`` says which, and only the rules of that one apply.

``if``/``then`` in place of pydantic's ``oneOf``: an editor then says what is wrong with the part that was meant, not that none of
twenty fits. ``discriminator`` says the same to programs that make a form of it, in the words of OpenAPI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from vstar_sdk.options import Options

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


TAG = "use="
"""Prefix of the location items that name a part."""

NAME, PLAIN = "name of a part", "plain value"
"""Location items of what stands for a part: see `vstar_sdk.plugin.kinds.Plain`."""


def member_of(names: Iterable[str]) -> Callable[[Any], str]:
    """What gives the member of a union that a value is of: the tag of a part, `NAME` or `PLAIN`.

    Args:
        names: of the parts.
    """

    def tag(value: Any) -> str:
        if isinstance(value, dict):
            return TAG + str(cast(dict[str, Any], value)["use"])
        if isinstance(value, Options):
            return TAG + value.part
        return NAME if value in names else PLAIN

    return tag


@dataclass(frozen=True)
class Choice:
    """Stands in an annotation next to a union of parts.

    Attributes:
        names: of the parts, in the order of the union.
        what: what one of them is called.
        default: the part that is meant where ``use`` is left out.
        unnamed: ``use`` may be left out of the choice inside this one; which part is meant then depends on the rest of the spec.
        alone: the parts that a name alone can choose.
        plain: the last two members of the union are those names, and plain values that stand for a part.
        section: the choice inside this one may be left out, too.
    """

    names: tuple[str, ...] = ()
    what: str = ""
    default: str | None = None
    unnamed: bool = False
    alone: tuple[str, ...] = ()
    plain: bool = False
    section: bool = False

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Called by pydantic when a schema is asked for."""
        schema = handler(core_schema)
        if self.section:
            return _or_null(schema)
        if not self.names:
            return _any_when_unnamed(schema)
        members: list[dict[str, Any]] = schema.get("oneOf") or [schema]
        either: list[dict[str, Any]] = [{"enum": list(self.alone), "type": "string"}] if self.alone else []
        if self.plain:
            *members, _, plain = members
            either.append(plain)
        choice = self._choice(members)
        if not either:
            return choice
        told = {"discriminator": choice.pop("discriminator")}
        return {"if": {"type": "object"}, "then": choice, "else": {"anyOf": either}, **told}

    def _choice(self, members: list[dict[str, Any]]) -> JsonSchemaValue:
        named = dict(zip(self.names, members, strict=True))
        rules = [{"if": _named(name), "then": member} for name, member in named.items()]
        if self.default in self.names:
            rules.append({"if": _UNNAMED, "then": named[self.default]})
        return {
            "type": "object",
            "properties": {"use": {"enum": list(self.names), "title": "Use", "description": f"Which {self.what}."}},
            "discriminator": {"propertyName": "use", "mapping": {name: member["$ref"] for name, member in named.items()}},
            **({} if self.default in self.names else {"required": ["use"]}),
            "allOf": rules,
        }


def _or_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    """The choice, with null among its plain values: one fault in a mapping is then one fault, and not "fits none of these"."""
    choice, *null = schema.get("anyOf", [schema])
    return choice | {"else": {"anyOf": [*choice["else"]["anyOf"], *null]}} if "else" in choice else schema


def _named(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"use": {"const": name}}, "required": ["use"]}


_UNNAMED: dict[str, Any] = {"type": "object", "not": {"required": ["use"]}}


def _any_when_unnamed(choice: JsonSchemaValue) -> JsonSchemaValue:
    """The choice, with ``use`` free to be left out: the options of any one of its parts will do."""
    if "then" in choice:
        return choice | {"then": _any_when_unnamed(choice["then"])}
    choice = {key: value for key, value in choice.items() if key != "required"}
    members = [rule["then"] for rule in choice["allOf"]]
    return choice | {"allOf": [*choice["allOf"], {"if": _UNNAMED, "then": {"anyOf": members}}]}
