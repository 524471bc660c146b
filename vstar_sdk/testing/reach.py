"""Options that look as if they reached outside of the spec, and do not say so: a guard would pass them over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from vstar_sdk.plugin.nested import hint, nested
from vstar_sdk.reach import marks_of

_WORDS = re.compile(
    r"(^|_)(path|paths|file|files|filename|folder|folders|dir|directory|url|urls|uri|host|hosts|server|endpoint|address|"
    r"checkpoint|weights|api_key_env)($|_)"
)


TYPES = "annotate it with Path, or with LocalFile, Address, ModelReference, InnerName or EnvName of vstar_sdk.options"
"""What to do about them."""


def unmarked(model: type[BaseModel]) -> Iterator[str]:
    """The options of a model that hold plain text under the name of a path, an address or a key.

    Args:
        model: of options; models inside it are looked at, too, parts inside it are not.
    """
    for name in model.model_fields:
        if name in nested(model):
            continue
        annotation = hint(model, name)
        if _WORDS.search(name) and _takes_text(annotation) and not marks_of(model, name):
            yield name
        for inner in _models(annotation):
            yield from (f"{name}.{option}" for option in unmarked(inner))


def _takes_text(annotation: Any) -> bool:
    return annotation is str or any(_takes_text(item) for item in get_args(annotation))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for item in get_args(annotation):
        yield from _models(item)
