"""Which code decides a clip: the package, and the plugins that its spec names. A method that was edited is another method."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path

import vstar_sdk
from vstar_sdk.plugin import discovery

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
