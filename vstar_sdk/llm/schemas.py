"""The JSON Schema of an answer, as constrained decoding wants it."""

from __future__ import annotations

import json
from typing import Any, cast

from pydantic import BaseModel


def closed_schema(shape: type[BaseModel], *, lengths: bool = True) -> dict[str, Any]:
    """The schema with every object closed and every property required, which is what "strict" means to OpenAI's API and
    compatible ones.

    Args:
        shape: the shape of the answer, such as `Request.schema`.
        lengths: keep the bounds on the length of strings. Some servers refuse them; without, they stand in the description.
    """
    return _closed(shape.model_json_schema(), lengths)


def with_schema(system: str, shape: type[BaseModel]) -> str:
    """The system message with the schema in it, for a server that does not hold the answer to one."""
    schema = json.dumps(closed_schema(shape), ensure_ascii=False)
    return f"{system}\n\nAnswer with one JSON object and nothing around it. It must match this JSON Schema:\n{schema}"


_BOUNDS = (("minLength", "at least"), ("maxLength", "at most"))

_NAMED = ("properties", "$defs")
"""Keywords whose value is a mapping of names, which may be those of keywords."""


def _closed(schema: dict[str, Any], lengths: bool) -> dict[str, Any]:
    schema = {name: value for name, value in schema.items() if name not in ("title", "default")}
    if schema.get("type") == "string" and not lengths:
        bounds = [f"{word} {schema.pop(key)} characters" for key, word in _BOUNDS if key in schema]
        if bounds:
            schema["description"] = " ".join([schema.get("description", ""), f"({', '.join(bounds)})"]).strip()
    if schema.get("type") == "object":
        schema |= {"additionalProperties": False, "required": list(schema.get("properties", {}))}
    for name, value in schema.items():
        if name in _NAMED:
            schema[name] = {key: _closed(item, lengths) for key, item in cast("dict[str, dict[str, Any]]", value).items()}
        elif isinstance(value, dict):
            schema[name] = _closed(cast("dict[str, Any]", value), lengths)
        elif isinstance(value, list):
            items = cast("list[Any]", value)
            schema[name] = [_closed(cast("dict[str, Any]", item), lengths) if isinstance(item, dict) else item for item in items]
    return schema
