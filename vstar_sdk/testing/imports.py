"""What a plugin may import: the public names, and nothing else of the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import vstar_sdk

PUBLIC = frozenset(
    ("vstar_sdk", *(f"vstar_sdk.{name}" for name in ("backends", "errors", "events", "moments", "options", "testing")))
)
"""The modules that docs/hooks.md and docs/llm-backends.md name; those inside `vstar_sdk.testing` are public too."""

_MODULE = re.compile(r"vstar_sdk(?:\.\w+)+(?::\w+)?")


def private_imports(folder: Path) -> list[str]:
    """Everything in a folder of Python files that reaches for private parts of vstar_sdk.

    Import statements are read, and strings that name a module (for ``importlib``, or as a factory).

    Args:
        folder: a package's; nothing is imported.

    Returns:
        One ``lean.py:3: vstar_sdk.attention.operations`` for each; empty when all is well.
    """
    return [
        f"{path.relative_to(folder)}:{line}: {name}"
        for path in sorted(folder.rglob("*.py"))
        for line, name in _private(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    ]


def _private(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _is_ours(alias.name) and not _is_public(alias.name):
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and _is_ours(node.module or ""):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if not (_is_public(full) or (_is_public(node.module or "") and _is_name(node.module or "", alias.name))):
                    yield node.lineno, full
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _MODULE.fullmatch(node.value):
            module = node.value.partition(":")[0]
            if not _is_public(module) and module.removeprefix("vstar_sdk.") not in vstar_sdk.__all__:
                yield node.lineno, node.value


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "vstar_sdk"


def _is_public(module: str) -> bool:
    return module in PUBLIC or module.startswith("vstar_sdk.testing.")


def _is_name(module: str, name: str) -> bool:
    """Whether a public module has a name for others; of the package itself, only those in its ``__all__``."""
    return name in vstar_sdk.__all__ if module == "vstar_sdk" else not name.startswith("_")
