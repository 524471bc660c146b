"""What an option reaches outside of the spec: files, servers, models on the hub, secrets. A guard looks at each of them.

An option of the type ``Path`` reaches a file, and one of pydantic's ``AnyUrl`` a server; a text says what it reaches by a mark
in its annotation, which these types of options have: `Address`, `ModelReference`, `InnerName`, `EnvName` in `vstar_sdk.options`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import Annotated, Any, cast, get_args

from pydantic import AfterValidator, AnyUrl, BaseModel, Field

from vstar_sdk.errors import SpecPath
from vstar_sdk.reading.escapes import printable


@dataclass(frozen=True)
class File:
    """A file or folder.

    Attributes:
        path: absolute, or from the folder that the program runs in.
    """

    path: Path


@dataclass(frozen=True)
class Repository:
    """A model on the hub.

    Attributes:
        name: its id.
    """

    name: str


@dataclass(frozen=True)
class Server:
    """A server.

    Attributes:
        url: its address.
    """

    url: str


@dataclass(frozen=True)
class Variable:
    """An environment variable that holds a secret.

    Attributes:
        name: of the variable.
    """

    name: str


HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
"""What ids of models on the hub look like."""

_WEIGHTS = re.compile(r".*\.(ckpt|pt|pth|bin|safetensors)", re.IGNORECASE)

Reached = File | Repository | Server | Variable


@dataclass(frozen=True)
class Reaches:
    """Marks an option that holds text: ``Annotated[str, Reaches(...)]``; also where a subclass annotates it anew.

    Attributes:
        what: given the text and the folder of the spec (None where it was not read from a file), says what it reaches, or None.
    """

    what: Callable[[str, Path | None], Reached | None]


def _server(url: str, _: Path | None) -> Reached:
    return Server(url)


def _nothing(name: str, _: Path | None) -> None:
    return None


def _variable(name: str, _: Path | None) -> Reached:
    return Variable(name)


def is_path(reference: str) -> bool:
    """Whether a reference to a model can be nothing but a path: it begins like one, or ends like a file of weights."""
    return reference.startswith(("./", "../", "~")) or Path(reference).is_absolute() or bool(_WEIGHTS.fullmatch(reference))


def _model(reference: str, _: Path | None) -> Reached:
    name = reference.partition("@")[0]
    if not is_path(reference) and HUB_ID.fullmatch(name) and not _there(reference):
        return Repository(name)
    return File(Path(os.path.expanduser(reference)))


def _there(reference: str) -> bool:
    try:
        return Path(reference).exists()
    except (OSError, ValueError):
        return True


def _visible(reference: str) -> str:
    if not reference.isprintable():
        raise ValueError(
            f"{printable(reference)} has characters that paths cannot have; in double quotes YAML reads \\t as a tab and \\n as "
            "a line break: use single quotes, or / between folders"
        )
    return reference


Address = Annotated[str, Reaches(_server)]
"""An option that holds the address of a server: ``https://host``."""

ModelReference = Annotated[
    str,
    Field(min_length=1, max_length=1000, examples=["./weights/model", "ali-vilab/text-to-video-ms-1.7b"]),
    AfterValidator(_visible),
    Reaches(_model),
]
"""A field that names a model: the path of a folder or file, or a hub id such as ``ali-vilab/text-to-video-ms-1.7b``."""

InnerName = Annotated[str, Reaches(_nothing)]
"""An option that holds the name of a file inside a folder that is allowed already; its own validator sees to that."""


def beside(name: str, folder: Path | None) -> Reached:
    """The file of a path that begins at the folder of the spec."""
    return File((folder or Path()).absolute() / os.path.expanduser(name))


@dataclass(frozen=True)
class LocalFile(Reaches):
    """Marks an option of a finisher or a regularizer that holds the path of a file: ``Annotated[str, LocalFile()]``.

    A relative path begins at the spec's folder; the part is given an absolute one, and a resolved spec one from its own folder.
    """

    what: Callable[[str, Path | None], Reached | None] = beside


OF_A_VARIABLE = Reaches(_variable)
"""Marks the name of an environment variable."""


def reached(options: BaseModel, folder: Path | None, path: SpecPath = ()) -> Iterator[tuple[SpecPath, Reached]]:
    """All that validated options reach, parts inside them included, with their places.

    Args:
        options: validated.
        folder: of the spec; None where it was not read from a file.
        path: of the options.
    """
    for name, info in type(options).model_fields.items():
        place = (*path, info.alias or name)
        yield from _of_value(getattr(options, name), marks_of(type(options), name), folder, place)


@cache
def marks_of(model: type[BaseModel], field: str) -> tuple[Reaches, ...]:
    """The marks of an option: its own, and those of the classes that its model is derived from."""
    found: dict[Reaches, None] = {}
    for kind in model.__mro__:
        if issubclass(kind, BaseModel) and field in kind.model_fields:
            info = kind.model_fields[field]
            found |= dict.fromkeys(mark for mark in info.metadata if isinstance(mark, Reaches))
            found |= dict.fromkeys(_marks(info.annotation))
    return tuple(found)


def _marks(annotation: Any) -> Iterator[Reaches]:
    for item in get_args(annotation):
        if isinstance(item, Reaches):
            yield item
        yield from _marks(item)


def _of_value(
    value: object, marks: tuple[Reaches, ...], folder: Path | None, path: SpecPath
) -> Iterator[tuple[SpecPath, Reached]]:
    if isinstance(value, BaseModel):
        yield from reached(value, folder, path)
    elif isinstance(value, PurePath):
        yield path, File(Path(value))
    elif isinstance(value, AnyUrl):
        yield path, Server(str(value))
    elif isinstance(value, str):
        for mark in marks:
            if (found := mark.what(value, folder)) is not None:
                yield path, found
    elif isinstance(value, Mapping):
        for key, inner in cast(Mapping[Any, Any], value).items():
            yield from _of_value(key, (), folder, path)
            yield from _of_value(inner, marks, folder, (*path, key))
    elif isinstance(value, list | tuple | set | frozenset):
        for index, inner in enumerate(cast(list[Any], value)):
            yield from _of_value(inner, marks, folder, (*path, index))
