"""The run directory: where a run's files stand, each one whole or absent."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from vstar_sdk.errors import OutputError

MANIFEST = "manifest.json"
"""Written last and removed first: a directory that has it holds a run that is whole."""


class RunDirectory:
    """A folder for the files of one run, made when the first of them is written.

    Args:
        path: the folder; what an earlier run left there is replaced file by file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> None:
        """Make the folder and take back what says that it is whole.

        Raises:
            OutputError: it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / MANIFEST).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"the folder {self.path} cannot be made: {error.strerror}", hint="name another with --out"
            ) from error

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
    """A folder that does not exist yet: ``runs/20260131-142530-a-landscape-from-winter``."""
    words = re.findall(r"[a-z0-9]+", prompt.lower())[:5]
    name = "-".join([datetime.now().strftime("%Y%m%d-%H%M%S"), *words])
    path, number = root / name, 2
    while path.exists():
        path, number = root / f"{name}-{number}", number + 1
    return path
