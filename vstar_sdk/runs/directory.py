"""The run directory: where a run's files stand, each one whole or absent."""

from __future__ import annotations

import itertools
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.errors import OutputError
from vstar_sdk.output.drafts import drafts_for

if TYPE_CHECKING:
    from vstar_sdk.output.contract import Exporter

MANIFEST = "manifest.json"
"""Written last and removed first: a directory that has it holds a run that is whole."""

SPEC = "spec.yaml"
SYNOPSIS = "synopsis.json"


class RunDirectory:
    """A folder for the files of one run, made when the first of them is written.

    Spec and synopsis are there early, so that a run which is interrupted can be repeated without asking a language model
    again. Only where an earlier run is whole do they wait until this run's artifacts are, and the earlier one stays whole till
    then.

    Args:
        path: the folder; what an earlier run left there is replaced file by file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: dict[str, str | Mapping[str, Any]] = {}

    def check(self, exporters: Sequence[tuple[str, Exporter]]) -> None:
        """Find what would keep the run's files out, before anything is made or paid for.

        Args:
            exporters: names, as in ``use``, and exporters.

        Raises:
            OutputError: the folder cannot be made or written to, holds a spec that no run wrote, or something is in the way.
        """
        there = next(folder for folder in (self.path.absolute(), *self.path.absolute().parents) if folder.exists())
        if not there.is_dir():
            raise OutputError(f"the folder {self.path} cannot be made: {there} is a file", hint="name another with --out")
        if not os.access(there, os.W_OK | os.X_OK):
            raise OutputError(f"the folder {self.path} cannot be written to", hint="name another with --out")
        for name in (SPEC, SYNOPSIS, MANIFEST):
            if (self.path / name).is_dir():
                raise OutputError(f"{self.path / name} is a folder", hint="name another run directory with --out")
        if (self.path / SPEC).exists() and not any((self.path / name).exists() for name in (MANIFEST, SYNOPSIS)):
            raise OutputError(
                f"{self.path / SPEC} was not written by a run, and would be replaced",
                hint="name another run directory with --out",
            )
        drafts_for(self.path.absolute(), exporters)

    def begin(self, spec: str, synopsis: Mapping[str, Any]) -> None:
        """Make the folder, and write spec and synopsis, unless an earlier run is whole there.

        Raises:
            OutputError: it cannot be made or written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"the folder {self.path} cannot be made: {error.strerror}", hint="name another with --out"
            ) from error
        self._waiting = {SPEC: spec, SYNOPSIS: synopsis}
        if not (self.path / MANIFEST).exists():
            self._write_waiting()

    def turn(self) -> None:
        """The artifacts are about to appear: an earlier run is whole no longer.

        Raises:
            OutputError: its manifest cannot be removed.
        """
        try:
            (self.path / MANIFEST).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{self.path / MANIFEST} cannot be removed: {error.strerror}") from error

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """The artifacts are there: write what has waited, then the manifest.

        Raises:
            OutputError: something cannot be written.
        """
        self._write_waiting()
        self.write(MANIFEST, manifest)

    def leave(self) -> None:
        """The run has failed: a folder that was claimed for it and holds nothing goes away."""
        with suppress(OSError):
            self.path.rmdir()

    def _write_waiting(self) -> None:
        while self._waiting:
            name = next(iter(self._waiting))
            self.write(name, self._waiting[name])
            del self._waiting[name]

    def write(self, name: str, content: str | Mapping[str, Any]) -> Path:
        """Write a text file, or a mapping as JSON, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"
        target = self.path / name
        try:
            descriptor, partial = tempfile.mkstemp(prefix=f".{name}.", dir=self.path)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                os.chmod(partial, 0o644)
                os.replace(partial, target)
            except BaseException:
                Path(partial).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise OutputError(
                f"{target} cannot be written: {error.strerror}", hint="is the disk full, or the folder read-only?"
            ) from error
        return target


def default_directory(prompt: str, root: Path = Path("runs")) -> Path:
    """A folder of its own, made at once so that no other run takes it: ``runs/20260131-142530-a-landscape-from-winter``.

    Raises:
        OutputError: it cannot be made.
    """
    words = re.findall(r"[a-z0-9]+", prompt.lower())[:5]
    name = "-".join([datetime.now().strftime("%Y%m%d-%H%M%S"), *words])
    for number in itertools.count(1):
        path = root / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not root.is_dir():
                raise OutputError(
                    f"the folder {root} cannot be made: a file has its name", hint="name another with --out"
                ) from None
        except OSError as error:
            raise OutputError(f"the folder {path} cannot be made: {error.strerror}", hint="name another with --out") from error
        else:
            return path
    raise AssertionError
