"""The JSON Schema of an answer, as constrained decoding wants it."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel


def closed_schema(shape: type[BaseModel], *, lengths: bool = True) -> dict[str, Any]:
    """The schema with every object closed and every property required, which is what "strict" means to OpenAI's API and its kin.

    Args:
        shape: the shape of the answer, such as `Request.schema`.
        lengths: keep the bounds on the length of strings. Some servers refuse them; without, they stand in the description.
    """
    return cast("dict[str, Any]", _closed(shape.model_json_schema(), lengths))


def _closed(node: object, lengths: bool) -> object:
    if isinstance(node, list):
        return [_closed(item, lengths) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    schema = dict(cast("dict[str, Any]", node))
    kind = schema.get("type")
    if kind is not None:  # a schema, not the mapping of names below properties or $defs
        schema.pop("title", None)
        schema.pop("default", None)
    if kind == "string" and not lengths:
        bounds = [f"{word} {schema.pop(key)} characters" for key, word in _BOUNDS if key in schema]
        if bounds:
            schema["description"] = " ".join([schema.get("description", ""), f"({', '.join(bounds)})"]).strip()
    if kind == "object":
        schema |= {"additionalProperties": False, "required": list(schema.get("properties", {}))}
    return {name: _closed(value, lengths) for name, value in schema.items()}


_BOUNDS = (("minLength", "at least"), ("maxLength", "at most"))
