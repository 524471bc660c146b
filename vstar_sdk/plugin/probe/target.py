"""What is imported for a plugin, and the state of its files."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint
from pathlib import Path

from vstar_sdk.plugin import entry_points

_CODE = tuple(importlib.machinery.all_suffixes())


@dataclass(frozen=True)
class Target:
    """One import: a module, and what is taken from it.

    Attributes:
        value: ``module`` or ``module:attribute``.
        distribution: package and version that it comes from: ``vstar-acme 1.2``.
    """

    value: str
    distribution: str

    @classmethod
    def of(cls, point: EntryPoint) -> Target:
        """What loading an entry point imports."""
        return cls(point.value.partition("[")[0].strip(), entry_points.who([point]))

    @property
    def module(self) -> str:
        """The module's full name."""
        return self.value.partition(":")[0].strip()

    @property
    def imported(self) -> bool:
        """Whether this process has imported it already."""
        return self.module in sys.modules

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """The file of a module by itself, or the folders of the package that it is in; none where it is not found.

        Nothing is imported. Of a package that several distributions share (a namespace package), the part below it is meant.
        """
        first, *others = self.module.split(".")
        try:
            spec = importlib.util.find_spec(first)
            name = first
            while spec is not None and spec.origin is None and spec.submodule_search_locations and others:
                name = f"{name}.{others.pop(0)}"
                spec = importlib.machinery.PathFinder.find_spec(name, list(spec.submodule_search_locations))
        except (ImportError, ValueError, AttributeError):  # no name of a module, or a module without a spec
            return ()
        if spec is None:
            return ()
        if spec.submodule_search_locations:
            return tuple(Path(folder) for folder in spec.submodule_search_locations)
        return (Path(spec.origin),) if spec.origin else ()

    @property
    def key(self) -> str:
        """Tells it from the same plugin of another environment, and of another version."""
        place = (self.value, self.distribution, sys.prefix, sys.version, *map(str, self.roots))
        return hashlib.sha256("\0".join(place).encode(errors="surrogateescape")).hexdigest()[:32]

    def state(self) -> str:
        """A digest of the names, sizes and times of its files: it changes with any of them."""
        digest = hashlib.sha256()
        for root in self.roots:
            for path in sorted(_files(root)):
                try:
                    about = os.stat(path)
                except OSError:  # gone meanwhile, or a link to nothing: no import reads it
                    continue
                digest.update(f"{path}\0{about.st_size}\0{about.st_mtime_ns}\0".encode(errors="surrogateescape"))
        return digest.hexdigest()


def _files(root: Path) -> Iterator[str]:
    """The files of code below a folder; of a module in an archive, the archive."""
    if not root.is_dir():
        yield from (str(path) for path in [next((path for path in (root, *root.parents) if path.is_file()), None)] if path)
        return
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (os.path.join(folder, name) for name in names if name.endswith(_CODE))
