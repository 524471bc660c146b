"""Parts inside options: where a model marks them with `PartOf`, and in which shapes."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel

from vstar_sdk.errors import SpecPath
from vstar_sdk.options import Options, PartOf

DEEPEST = 4
"""How often parts can be nested inside each other below the one that the spec chooses."""

SHAPES = "Annotated[Options, PartOf(KIND)], alone, with '| None', or in a list, tuple or dict with text keys"


def hint(model: type[BaseModel], field: str) -> Any:
    """The annotation of a field, as pydantic resolved it."""
    info = model.model_fields[field]
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


def nested(model: type[BaseModel]) -> dict[str, Any]:
    """The annotations of the fields that hold parts, by name."""
    return {name: hint(model, name) for name in model.model_fields if marks(hint(model, name))}


def marks(annotation: Any) -> list[PartOf]:
    """Every mark in an annotation, however deep, models inside it left out."""
    inside = [mark for item in get_args(annotation) for mark in marks(item)]
    return [annotation, *inside] if isinstance(annotation, PartOf) else inside


def mark_of(annotation: Any) -> PartOf | None:
    """The mark that stands on an annotation itself."""
    if get_origin(annotation) is Annotated:
        return next((item for item in get_args(annotation)[1:] if isinstance(item, PartOf)), None)
    return None


def shape_fault(model: type[BaseModel], kinds: Iterable[str]) -> str | None:
    """Why the parts inside a model cannot be made, or None when they can."""
    for name, annotation in nested(model).items():
        for mark in marks(annotation):
            if mark.kind not in kinds:
                return (
                    f"the option '{name}' holds a part of kind '{mark.kind}', which does not exist; there are {', '.join(kinds)}"
                )
        if not _sound(annotation):
            return f"the option '{name}' holds parts in an unsupported type: use {SHAPES}"
    for name in model.model_fields:
        for inner in _models(hint(model, name), {model}):
            if nested(inner):
                where = f"inside the model {inner.__name__}"
                return f"the option '{name}' holds parts {where}, which is not supported: use {SHAPES}"
    return None


def replaced(annotation: Any, by: Callable[[PartOf], Any]) -> Any:
    """The annotation with another in the place of each that is marked."""
    if (mark := mark_of(annotation)) is not None:
        return Annotated[by(mark), mark]
    if not marks(annotation):
        return annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[replaced(arguments[0], by), *arguments[1:]]
    inside = tuple(replaced(item, by) for item in arguments)
    return Union[inside] if _is_union(origin) else origin[inside]  # noqa: UP007  (its members are known only now)


def made(annotation: Any, value: Any, make: Callable[[str, Any, SpecPath], Any], path: SpecPath) -> Any:
    """A field's value with each part in it made, in the same shape.

    Args:
        annotation: of the field.
        value: validated.
        make: called with kind, options and place.
        path: the field's place in the spec.
    """
    if value is None:
        return None
    if (mark := mark_of(annotation)) is not None:
        return make(mark.kind, value, path)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return made(arguments[0], value, make, path)
    if _is_union(origin):
        return made(next(item for item in arguments if item is not type(None)), value, make, path)
    if origin is dict:
        return {key: made(arguments[1], item, make, (*path, key)) for key, item in cast(dict[str, Any], value).items()}
    items = cast(list[Any], value)
    each = arguments if origin is tuple and arguments[-1] is not Ellipsis else (arguments[0],) * len(items)
    container: Any = origin
    return container(made(one, item, make, (*path, index)) for index, (one, item) in enumerate(zip(each, items, strict=True)))


def _sound(annotation: Any) -> bool:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if mark_of(annotation) is not None:
        return isinstance(arguments[0], type) and issubclass(arguments[0], Options)
    if origin is Annotated:
        return _sound(arguments[0])
    if _is_union(origin):
        others = [item for item in arguments if item is not type(None)]
        return len(others) == 1 and _sound(others[0])
    if origin is dict:
        return arguments[0] is str and _sound(arguments[1])
    return origin in (list, tuple) and all(_sound(item) for item in arguments if item is not Ellipsis)


def _is_union(origin: Any) -> bool:
    return origin is Union or origin is types.UnionType


def _models(annotation: Any, seen: set[Any]) -> Iterator[type[BaseModel]]:
    """Every pydantic model inside an annotation, and in the fields of those; what a mark stands on is a part of its own."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in seen:
            seen.add(annotation)
            yield annotation
            for name in annotation.model_fields:
                yield from _models(hint(annotation, name), seen)
    elif mark_of(annotation) is None:
        for item in get_args(annotation):
            yield from _models(item, seen)
