"""What decides a clip beside its spec: the code of the plugins and the files that it names. An edited method is another one."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import vstar_sdk
from vstar_sdk.plugin import discovery
from vstar_sdk.weights.directory import file_hash

_LARGEST = 4096
"""Files of a package that are read."""


def codes(namespaces: Iterable[str]) -> dict[str, str]:
    """A text for each plugin that changes with its code: its version, and SHA-256 of the Python files of its top-level package.

    Args:
        namespaces: of plugins; one that is not installed has "".

    Returns:
        By namespace; the package's own version is that of ``vstar``.
    """
    installed = discovery.installed()
    found = {"vstar": vstar_sdk.__version__}
    for name in namespaces:
        points = installed.get(name, [])
        dist = points[0].dist if points else None
        found[name] = f"{dist.version if dist else ''} {_digest(points[0].module.partition('.')[0])}" if points else ""
    return found


def contents(data: object, folder: Path | None) -> dict[str, str]:
    """SHA-256 of every file that a text in a spec names, by that text.

    Args:
        data: plain mappings, lists and scalars.
        folder: where relative paths begin; None: where the program was started.
    """
    if isinstance(data, dict | list | tuple):
        inside = cast(dict[Any, Any], data).values() if isinstance(data, dict) else cast(list[Any], data)
        return {name: digest for value in inside for name, digest in contents(value, folder).items()}
    if isinstance(data, str) and data:
        with suppress(OSError, ValueError):  # a text that is no path: it is too long, say
            path = ((folder or Path()) / data).absolute()
            return {data: file_hash(path)} if path.is_file() else {}
    return {}


def _digest(module: str) -> str:
    """Of a module's file, or of all Python files of a package."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*.py"))[:_LARGEST] if spec.submodule_search_locations else [origin]
    whole = hashlib.sha256()
    for file in files:
        whole.update(str(file.relative_to(origin.parent)).encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()
