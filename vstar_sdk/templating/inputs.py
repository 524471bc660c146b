"""Inputs of templates: JSON Schema in the front matter, and the values that a spec gives.

A small part of JSON Schema (2020-12) is known, and every other keyword is refused rather than passed over: ``type``, ``enum``,
``default``, ``minimum``, ``maximum``, ``exclusiveMinimum``, ``exclusiveMaximum``, ``minLength``, ``maxLength``, ``items``,
``minItems``, ``maxItems``, and ``title``, ``description`` and ``examples``, which check nothing. Values are scalars, or lists
of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Kind: TypeAlias = Literal["string", "integer", "number", "boolean", "null", "array"]
Scalar: TypeAlias = str | int | float | bool | None

GIVEN: Mapping[str, tuple[Kind, str]] = {
    "prompt": ("string", "the user's prompt (user block only)"),
    "style": ("string", "style words that are set already, or '' (user block only)"),
    "states": ("integer", "how many key states are wanted; none lets the model choose from 2 to 9"),
    "frames": ("integer", "frames of the clip"),
    "fps": ("number", "frames a second"),
    "seconds": ("number", "length of the clip"),
}
"""Every variable that templates are given unasked, its type, and what it holds."""

LARGEST_INTEGER = 2**53
"""The largest number that every JSON reader takes for what it is."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED = frozenset({"loop", "range", "self", "super", "true", "false", "none", "not", "and", "or", "in", "is", "if", "else"})
_FITTING: Mapping[str, tuple[Kind, ...]] = {
    "minimum": ("integer", "number"),
    "maximum": ("integer", "number"),
    "exclusive_minimum": ("integer", "number"),
    "exclusive_maximum": ("integer", "number"),
    "min_length": ("string",),
    "max_length": ("string",),
    "items": ("array",),
    "min_items": ("array",),
    "max_items": ("array",),
}


class InputSchema(BaseModel):
    """The schema of one input."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    type: Kind | tuple[Kind, ...] | None = None
    title: str = ""
    description: str = ""
    examples: tuple[Any, ...] = ()
    default: Any = None
    enum: tuple[Scalar, ...] | None = Field(default=None, min_length=1, max_length=100)
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    min_length: int | None = Field(default=None, ge=0)
    max_length: int | None = Field(default=None, ge=0)
    items: InputSchema | None = None
    min_items: int | None = Field(default=None, ge=0)
    max_items: int | None = Field(default=None, ge=0)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The types that it takes; none means any."""
        return (self.type,) if isinstance(self.type, str) else self.type or ()

    @property
    def has_default(self) -> bool:
        """Whether a default is written, be it null."""
        return "default" in self.model_fields_set

    @property
    def holds_user_text(self) -> bool:
        """Whether a value may hold words that the template's author did not write."""
        if self.enum is not None:
            return False
        inner = self.items is None or self.items.holds_user_text
        return not self.kinds or "string" in self.kinds or ("array" in self.kinds and inner)

    @model_validator(mode="after")
    def _makes_sense(self) -> InputSchema:
        for keyword, kinds in _FITTING.items():
            if getattr(self, keyword) is not None and self.kinds and not set(kinds) & set(self.kinds):
                raise ValueError(f"{to_camel(keyword)} has no meaning for the type {' or '.join(self.kinds)}")
        if "array" in self.kinds and (self.items is None or not self.items.kinds or "array" in self.items.kinds):
            raise ValueError("say what a list holds: items: {type: string}, or another scalar")
        if self.has_default and (wrong := fault(self, self.default)):
            raise ValueError(f"the default {wrong}")
        for value in self.enum or ():
            if self.kinds and not any(_is(kind, value) for kind in self.kinds):
                raise ValueError(f"{value!r} in enum is not of type {' or '.join(self.kinds)}")
        return self


def _anything(value: object) -> object:
    return {} if value is True else value  # JSON Schema's own way to say so


class InputsSchema(BaseModel):
    """The schema of all inputs of a template: an object without other properties."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    type: Literal["object"] = "object"
    properties: dict[str, Annotated[InputSchema, BeforeValidator(_anything)]] = Field(max_length=50)
    required: tuple[str, ...] = ()
    additional_properties: Literal[False] = False

    @model_validator(mode="after")
    def _makes_sense(self) -> InputsSchema:
        for name in self.required:
            if name not in self.properties:
                raise ValueError(f"required names '{name}', which is not among the properties")
        for name, schema in self.properties.items():
            if name in GIVEN:
                kind = GIVEN[name][0]
                fitting = {kind, "number"} if kind == "integer" else {kind}
                if schema.kinds and not fitting & set(schema.kinds):
                    raise ValueError(f"'{name}' is always of type {kind}")
                if schema.has_default:
                    raise ValueError(f"'{name}' is always set, so it cannot have a default")
                continue
            if not _NAME.fullmatch(name) or name in _RESERVED:
                raise ValueError(
                    f"'{name[:80]}' is not a name for an input: use lower case letters, digits and _, and no keyword of Jinja"
                )
            if not schema.kinds and schema.enum is None:
                raise ValueError(f"'{name}' needs a type (string, integer, number, boolean or array), or an enum")
            if name not in self.required and not schema.has_default:
                raise ValueError(f"'{name}' needs a default, or a place under required")
        return self


def _short(value: object) -> object:
    """``[prompt, states]``: given variables, of whatever value."""
    if isinstance(value, list | tuple):
        names = cast(list[Any], value)
        for name in names:
            if not isinstance(name, str) or name not in GIVEN:
                raise ValueError(f"there is no variable '{str(name)[:80]}': templates have {', '.join(GIVEN)}")
        return {"properties": dict.fromkeys(names, True)}
    return value


Inputs = Annotated[InputsSchema, BeforeValidator(_short)]
"""A schema, or a list of names out of `GIVEN`."""


def fault(schema: InputSchema, value: Any) -> str | None:
    """Why a value does not fit its schema, as the end of a sentence; None when it does."""
    if schema.kinds and not any(_is(kind, value) for kind in schema.kinds):
        return f"must be {' or '.join(_article(kind) for kind in schema.kinds)}"
    if schema.enum is not None and not any(_same(value, allowed) for allowed in schema.enum):
        return f"must be one of {', '.join(str(allowed) for allowed in schema.enum)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number_fault(schema, value)
    if isinstance(value, str):
        return _length_fault(len(value), schema.min_length, schema.max_length, "characters")
    if isinstance(value, list | tuple):
        items = cast(list[Any], value)
        for number, item in enumerate(items, 1):
            if schema.items is not None and (wrong := fault(schema.items, item)):
                return f"item {number} {wrong}"
        return _length_fault(len(items), schema.min_items, schema.max_items, "items")
    return None


def _number_fault(schema: InputSchema, value: int | float) -> str | None:
    if not math.isfinite(value) or (isinstance(value, int) and abs(value) > LARGEST_INTEGER):
        return "must be a number of up to 15 digits"
    if schema.minimum is not None and value < schema.minimum:
        return f"must be at least {schema.minimum:g}"
    if schema.maximum is not None and value > schema.maximum:
        return f"must be at most {schema.maximum:g}"
    if schema.exclusive_minimum is not None and value <= schema.exclusive_minimum:
        return f"must be more than {schema.exclusive_minimum:g}"
    if schema.exclusive_maximum is not None and value >= schema.exclusive_maximum:
        return f"must be less than {schema.exclusive_maximum:g}"
    return None


def _length_fault(length: int, least: int | None, most: int | None, what: str) -> str | None:
    if least is not None and length < least:
        return f"must have at least {least} {what}"
    if most is not None and length > most:
        return f"must have at most {most} {what}"
    return None


def _is(kind: Kind, value: object) -> bool:
    """JSON Schema's types: a truth value is not a number, and 3.0 is an integer."""
    if isinstance(value, bool) or value is None:
        return kind == ("null" if value is None else "boolean")
    if isinstance(value, int):
        return kind in ("integer", "number")
    if isinstance(value, float):
        return kind == "number" or (kind == "integer" and value.is_integer())
    return kind == ("string" if isinstance(value, str) else "array" if isinstance(value, list | tuple) else "")


def _same(value: object, allowed: Scalar) -> bool:
    return value == allowed and isinstance(value, bool) == isinstance(allowed, bool)


def _article(kind: Kind) -> str:
    return {"string": "text", "integer": "a whole number", "boolean": "true or false", "array": "a list"}.get(kind, f"a {kind}")
