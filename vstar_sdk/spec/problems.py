"""Pydantic's findings as sentences for people, each with its place."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, cast, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vstar_sdk.errors import SpecError, SpecPath
from vstar_sdk.plugin.boundary.calls import dotted
from vstar_sdk.reading.escapes import printable
from vstar_sdk.spec.choice import TAG
from vstar_sdk.spec.document import Document

_MOST, _LONGEST = 10, 400
"""Problems that are listed, and characters of one."""

_ABSENT = object()

_PLAIN = {
    "missing": "is missing",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "list_type": "must be a list (lines that begin with '- ')",
    "tuple_type": "must be a list",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a mapping of keys and values",
    "model_type": "must be a mapping of keys and values",
    "model_attributes_type": "must be a mapping of keys and values",
    "finite_number": "must be a finite number",
}


def spec_error(error: ValidationError, document: Document, model: type[Any]) -> SpecError:
    """One `SpecError` that lists every problem: ``story.yaml:14:6: regularizers[0].use: unknown regularizer 'tarr'...``.

    The input is never quoted but by validators that chose to: it may hold a secret.
    """
    found: dict[SpecPath, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False, include_input=False):
        if details["type"] == "default_factory_not_called":
            continue  # a default that waits for another field, which has an error of its own
        path = _written(details["loc"], document.data, model)
        if details["type"] == "part_unknown":
            path = (*path, "use")
        found.setdefault(path, []).append(details)
    listed = sorted(found.items(), key=lambda item: document.position(item[0]))[:_MOST]
    problems = [
        (path, sentence)
        for path, several in listed
        for sentence in _joined(list(dict.fromkeys(_sentence(details, model, path) for details in several)))
    ]
    lines = [_cut(located(document, path, sentence)) for path, sentence in problems[:_MOST]]
    if more := len(found) - len(listed) + len(problems) - len(lines):
        lines.append(f"and {more} more")
    return SpecError("\n".join(lines), path=problems[0][0] if problems else ())


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def _written(location: tuple[int | str, ...], data: Any, model: type[Any]) -> SpecPath:
    """A location as the spec's author would give it: without the tags of unions and the names of validators."""
    path: list[int | str] = []
    for depth, item in enumerate(location):
        if isinstance(data, dict):
            mapping = cast(dict[Any, Any], data)
            # pydantic says 'None' for null
            key = item if item in mapping else next((key for key in mapping if str(key) == item), _ABSENT)
            if key is not _ABSENT:
                data = mapping[key]
            elif item not in _keys(model, location[:depth]):
                continue
            else:
                data = None  # a key that is missing, or has its default
        elif isinstance(data, list | tuple) and isinstance(item, int):
            items = cast(list[Any], data)
            data = items[item] if item < len(items) else None
        else:
            continue
        path.append(item)
    return tuple(path)


def _joined(sentences: list[str]) -> list[str]:
    """What a union's members each say of one value, as one sentence where they agree in form."""
    if len(sentences) > 1 and all(sentence.startswith("must be ") for sentence in sentences):
        return [f"must be {' or '.join(sentence.removeprefix('must be ') for sentence in sentences)}"]
    return sentences


def located(document: Document, path: SpecPath, message: str) -> str:
    """A message with its place before it."""
    what = "" if path in document.given else printable(dotted(path))
    return ": ".join(item for item in (document.place(path), what, printable(message)) if item)


def _sentence(details: ErrorDetails, model: type[Any], path: SpecPath) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if details["loc"][-1:] == ("[key]",):
        return f"the key '{str(path[-1])[:80]}' {_PLAIN.get(kind, details['msg'])}"
    if kind in ("extra_forbidden", "invalid_key"):
        return _unknown_key(str(path[-1]), _keys(model, details["loc"][:-1]))
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind in ("too_short", "too_long"):
        bound = "at least" if kind == "too_short" else "at most"
        number = context.get("min_length", context.get("max_length"))
        return f"must have {bound} {number} items, not {context['actual_length']}"
    if kind in _PLAIN:
        return _PLAIN[kind]
    message = details["msg"]
    return message.replace("Input should", "must").replace("String should", "must").replace("Value should", "must")


def _unknown_key(key: str, known: list[str]) -> str:
    if any(word in key.lower() for word in ("api_key", "apikey", "token", "secret", "password")):
        return "a secret has no place in a spec: give the name of an environment variable that holds it (api_key_env: NAME)"
    key = key[:80]
    near = difflib.get_close_matches(key, known, 1)
    if near:
        return f"unknown key '{key}'. Did you mean '{near[0]}'?"
    return f"unknown key '{key}'." + (f" Known here: {', '.join(known)}." if known else "")


def _keys(model: type[Any], location: tuple[int | str, ...]) -> list[str]:
    """The keys that the model at a location takes."""
    from pydantic import BaseModel

    places: list[Any] = _inside(model)
    for item in location:
        places = [inner for place in places for inner in _step(place, item)]
    models = [place for place in places if isinstance(place, type) and issubclass(place, BaseModel)]
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def _step(place: Any, item: int | str) -> list[Any]:
    """What an item of a location leads to, from a model, a list, a tuple or a dict."""
    if _is_model(place):
        if isinstance(item, str) and item.startswith(TAG):
            return [place] if TAG + str(place.model_fields["use"].default) == item else []
        if item == place.__name__:  # the tag of a union's member
            return [place]
        return [
            inner
            for name, field in place.model_fields.items()
            if item == (field.alias or name)
            for inner in _inside(field.annotation)
        ]
    return [inner for argument in get_args(place)[-1 if get_origin(place) is dict else 0 :] for inner in _inside(argument)]


def _inside(annotation: Any) -> list[Any]:
    """The models, lists, tuples and dicts that an annotation allows."""
    if _is_model(annotation) or get_origin(annotation) in (list, tuple, dict):
        return [annotation]
    arguments = get_args(annotation)
    return [inner for item in (arguments[:1] if get_origin(annotation) is Annotated else arguments) for inner in _inside(item)]


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and hasattr(candidate, "model_fields")
