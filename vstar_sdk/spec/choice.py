"""The JSON Schema of a choice between parts: ``use`` says which, and only the rules of that one apply.

``if``/``then`` in place of pydantic's ``oneOf``: an editor then says what is wrong with the part that was meant, not that none of
twenty fits. ``discriminator`` says the same to programs that make a form of it, in the words of OpenAPI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


@dataclass(frozen=True)
class Choice:
    """Stands in an annotation next to a union of parts.

    Attributes:
        names: of the parts, in the order of the union.
        what: what one of them is called.
        default: the part that is meant where ``use`` is left out.
        unnamed: ``use`` may be left out of the choice inside this one; which part is meant then depends on the rest of the spec.
        plain: the last two members of the union are the names of parts, and plain values that stand for one.
        section: the choice inside this one may be left out, too.
    """

    names: tuple[str, ...] = ()
    what: str = ""
    default: str | None = None
    unnamed: bool = False
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
        if self.plain:
            *members, names, plain = members
            either = [] if plain == {"type": "string"} else [plain]
            return {"if": {"type": "object"}, "then": self._choice(members), "else": {"anyOf": [names, *either]}}
        return self._choice(members)

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
    choice = {key: value for key, value in choice.items() if key != "required"}
    members = [rule["then"] for rule in choice["allOf"]]
    return choice | {"allOf": [*choice["allOf"], {"if": _UNNAMED, "then": {"anyOf": members}}]}
