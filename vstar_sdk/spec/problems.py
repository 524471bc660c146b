"""Pydantic's findings as sentences for people, each with its place."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vstar_sdk.errors import SpecError, SpecPath
from vstar_sdk.spec.composition import TAG
from vstar_sdk.spec.document import Document

_MOST, _LONGEST = 10, 400
"""Problems that are listed, and characters of one."""

_PLAIN = {
    "missing": "is missing",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "list_type": "must be a list (lines that begin with '- ')",
    "dict_type": "must be a mapping of keys and values",
    "model_type": "must be a mapping of keys and values",
    "model_attributes_type": "must be a mapping of keys and values",
    "finite_number": "must be a finite number",
}


def spec_error(error: ValidationError, document: Document, model: type[Any]) -> SpecError:
    """One `SpecError` that lists every problem: ``story.yaml:14:6: regularizers[0].use: unknown regularizer 'tarr'...``.

    The input is never quoted but by validators that chose to: it may hold a secret.
    """
    lines: list[str] = []
    first: SpecPath = ()
    for details in error.errors(include_url=False):
        if details["type"] == "default_factory_not_called":
            continue  # a default that waits for another field, which has an error of its own
        path = tuple(item for item in details["loc"] if not str(item).startswith(TAG) and item != "[key]")
        if details["type"] == "part_unknown":
            path = (*path, "use")
        sentence = located(document, path, _sentence(details, model, path))
        if sentence not in lines:
            lines.append(sentence if len(sentence) <= _LONGEST else f"{sentence[:_LONGEST]} ...")
            first = first or path
    if len(lines) > _MOST:
        lines[_MOST:] = [f"and {len(lines) - _MOST} more"]
    return SpecError("\n".join(lines), path=first)


def located(document: Document, path: SpecPath, message: str) -> str:
    """A message with its place before it."""
    what = "" if path in document.given else dotted(path)
    return ": ".join(item for item in (document.place(path), what, message) if item)


def dotted(path: SpecPath) -> str:
    """``regularizers[0].sigma`` for ``("regularizers", 0, "sigma")``."""
    text = ""
    for item in path:
        text += f"[{item}]" if isinstance(item, int) else f".{item}" if text else item
    return text


def _sentence(details: ErrorDetails, model: type[Any], path: SpecPath) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(str(path[-1]), _keys(model, details["loc"][:-1]))
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind in _PLAIN:
        return _PLAIN[kind]
    message = details["msg"]
    return message.replace("Input should", "must").replace("String should", "must").replace("Value should", "must")


def _unknown_key(key: str, known: list[str]) -> str:
    if any(word in key.lower() for word in ("api_key", "apikey", "token", "secret", "password")):
        return "a secret has no place in a spec: give the name of an environment variable that holds it (api_key_env: NAME)"
    near = difflib.get_close_matches(key, known, 1)
    if near:
        return f"unknown key '{key}'. Did you mean '{near[0]}'?"
    return f"unknown key '{key}'." + (f" Known here: {', '.join(known)}." if known else "")


def _keys(model: type[Any], location: tuple[int | str, ...]) -> list[str]:
    """The keys that the model at a location takes."""
    from pydantic import BaseModel

    models: list[Any] = [model]
    for item in location:
        if isinstance(item, str) and item.startswith(TAG):
            models = [m for m in models if _is_model(m) and TAG + str(m.model_fields["use"].default) == item]
        elif isinstance(item, str):
            models = [
                inner
                for m in models
                if _is_model(m) and item in m.model_fields
                for inner in _models_in(m.model_fields[item].annotation)
            ]
    return sorted({key for m in models if isinstance(m, type) and issubclass(m, BaseModel) for key in m.model_fields})


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and hasattr(candidate, "model_fields")


def _models_in(annotation: Any) -> list[Any]:
    """Every model inside a composed annotation."""
    from typing import get_args

    if _is_model(annotation):
        return [annotation]
    return [model for item in get_args(annotation) for model in _models_in(item)]
