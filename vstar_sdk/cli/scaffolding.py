"""The files from which ``vstar new plugin`` writes: ``scaffold/package`` once a plugin, one of ``scaffold/kinds`` once a part.

A file of ``scaffold/kinds`` is called like its kind. It begins with ``summary: ...`` and has sections below lines ``=== NAME``:

=====================  ==========================================================================================
``entry``              what the plugin's entry module holds for a part: imports, and its option model
``register_...``       lines of that hook, where they are not those of every part
``story``              a whole spec that uses the part, for the README
anything else          the path of a file in the distribution, and its content
=====================  ==========================================================================================

All of it is Jinja with square brackets, so that it reads as the Python that it becomes.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vstar_sdk.cli.plugin_names import compiled

SCAFFOLD = Path(__file__).parent / "scaffold"
"""Where they are."""

_LINE = 88
"""Characters of the longest import that stays on one line."""

_FENCE = "=== "


class Sections(NamedTuple):
    """A file of ``scaffold/kinds``, filled in for one part.

    Attributes:
        summary: of the part, in one line.
        imports: of the entry module: names by module.
        entry: the rest of what the entry module holds.
        story: a spec that uses the part.
        hooks: lines by hook, of the hooks that it writes itself.
        files: contents by path.
    """

    summary: str
    imports: Mapping[str, frozenset[str]]
    entry: str
    story: str
    hooks: Mapping[str, str]
    files: Mapping[str, str]


def environment() -> Any:
    """The Jinja environment of the scaffold."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(  # noqa: S701  (Python, not HTML)
        loader=FileSystemLoader(SCAFFOLD),
        undefined=StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        trim_blocks=True,
        keep_trailing_newline=True,
    )


def sections(kind: str, values: Mapping[str, object]) -> Sections:
    """Fill in what is written for one part.

    Args:
        kind: of the part, as its file in ``scaffold/kinds`` is called.
        values: that the templates name.

    Raises:
        SpecError: the part's name makes no Python.
    """
    head, *rest = f"\n{environment().get_template(f'kinds/{kind}.jinja').render(values)}".split(f"\n{_FENCE}")
    written = {name: content + "\n" for name, _, content in (section.partition("\n") for section in rest)}
    written = {name: content.rstrip("\n") + "\n" for name, content in written.items()}
    entry, story = written.pop("entry"), written.pop("story").strip()
    hooks = {name: written.pop(name).strip() for name in list(written) if name.startswith("register_")}
    imports, code = _taken_apart(entry)
    return Sections(head.strip().removeprefix("summary: "), imports, code, story, hooks, written)


def import_lines(imports: Iterable[Mapping[str, frozenset[str]]]) -> str:
    """The import statements of a module: those of several parts as one, sorted as ruff sorts them."""
    names: dict[str, frozenset[str]] = {}
    for given in imports:
        names |= {module: names.get(module, frozenset()) | found for module, found in given.items()}
    standard = [module for module in sorted(names) if module.partition(".")[0] in sys.stdlib_module_names]
    others = [module for module in sorted(names) if module not in standard]
    groups = ["\n".join(_line(module, names[module]) for module in group) for group in (standard, others) if group]
    return "\n\n".join(groups)


def _line(module: str, names: frozenset[str]) -> str:
    line = f"from {module} import {', '.join(sorted(names))}"
    if len(line) <= _LINE:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in sorted(names)), ")"])


def _taken_apart(source: str) -> tuple[dict[str, frozenset[str]], str]:
    """The imports at the head of some Python, and the rest."""
    imports: dict[str, frozenset[str]] = {}
    last = 0
    for statement in compiled(source).body:
        if not isinstance(statement, ast.ImportFrom):
            break
        module, last = str(statement.module), statement.end_lineno or 0
        imports[module] = imports.get(module, frozenset()) | {alias.name for alias in statement.names}
    return imports, "\n".join(source.splitlines()[last:]).strip("\n")
