"""The names in a new plugin: those that can be none, and those that clash."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Sequence

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_OURS = ("vstar", "sdk")
"""Namespaces that no plugin can have: that of the built-in parts, and that whose package would be called ``vstar_sdk``."""


def check_names(namespace: str, names: Sequence[str]) -> None:
    """Refuse names that cannot be those of a plugin and its parts.

    Args:
        namespace: of the plugin.
        names: of its parts.

    Raises:
        SpecError: one is not a name, is a word of Python, or is there twice; or the namespace is the package's own.
    """
    for name in (namespace, *names):
        if not _NAME.fullmatch(name):
            raise SpecError(
                f"'{printable(name)}' is no name: lower case letters, digits and single hyphens",
                hint="such as acme or far-frames",
            )
    if namespace in _OURS:
        raise SpecError(f"the namespace '{namespace}' is vstar-sdk's own", hint="choose another, such as acme")
    for name in names:
        if keyword.iskeyword(name):
            raise SpecError(
                f"'{name}' is a word of Python, and each part gets a module of its own", hint=f"choose another, such as my-{name}"
            )
        if names.count(name) > 1:
            raise SpecError(f"two parts are called '{name}', and each gets a module of its own", hint="give them two names")


def check_contents(files: Iterable[tuple[str, str]]) -> None:
    """Refuse names of parts that clash in what is to be written.

    Args:
        files: paths and contents.

    Raises:
        SpecError: two parts would be one file, or two things in a file would have one name.
    """
    seen: set[str] = set()
    for path, content in files:
        if path in seen:
            raise SpecError(f"two parts would be written to {path}", hint="give one of them another name")
        seen.add(path)
        if not path.endswith(".py"):
            continue
        bound = list(_bound(content))
        for name in bound:
            if bound.count(name) > 1 or hasattr(builtins, name):
                raise SpecError(f"'{name}' would have two meanings in {path}", hint="give the part another name")


def compiled(source: str) -> ast.Module:
    """The syntax tree of what is to be written.

    Raises:
        SpecError: it is no Python, for the name of a part in it.
    """
    try:
        return ast.parse(source)
    except SyntaxError as error:  # a class that would be called None
        raise SpecError(f"a part's name makes no Python: {(error.text or '').strip()}", hint="give it another name") from None


def _bound(source: str) -> Iterator[str]:
    """Every name that the top level of a module, or a block in it, gives to something."""
    for statement in compiled(source).body:
        for node in statement.body if isinstance(statement, ast.If) else [statement]:
            match node:
                case ast.Import() | ast.ImportFrom():
                    yield from (alias.asname or alias.name for alias in node.names if alias.name != "annotations")
                case ast.ClassDef() | ast.FunctionDef():
                    yield node.name
                case _:
                    pass
