"""A finished run that another continues from, read from its directory. No torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstar_sdk.errors import SpecError
from vstar_sdk.output.digests import digest
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.reading.yaml_reader import read_yaml
from vstar_sdk.runs.belongings import LATENTS, MANIFEST, RUN_FILES, SPEC, STATE, SYNOPSIS

_LARGEST = 64 << 20


@dataclass(frozen=True)
class Parent:
    """What is known of it.

    Attributes:
        directory: its run directory.
        run: its id.
        parent: the id of the run that it went on from itself, if it did.
        finished: when, in UTC (ISO 8601).
        model: the name of its model.
        spec: its resolved spec, as data.
        synopsis: its synopsis as data: the states with their anchors, and the frames that they rule.
        sha256: of its latents, as the manifest says; None where it did not write them.
    """

    directory: Path
    run: str
    parent: str | None
    finished: str
    model: str
    spec: dict[str, Any]
    synopsis: dict[str, Any]
    sha256: str | None

    @property
    def frames(self) -> int:
        """Frames of its clip."""
        return self.spec["frames"]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        width, height = self.spec["size"]
        return width, height

    @property
    def latents(self) -> Path:
        """The file of its latents."""
        return self.directory / LATENTS

    def check_latents(self) -> None:
        """Find out whether its latents are there, and what the run wrote.

        Raises:
            SpecError: they are not.
        """
        shown = printable(str(self.directory))
        if self.sha256 is None:
            raise SpecError(
                f"the run in {shown} did not write its latents",
                hint=f"repeat it with latents: vstar run {shown}/{SPEC} --set latents=true --out ...",
            )
        try:
            found = digest(self.latents)
        except OSError:
            raise SpecError(f"the latents of the run in {shown} are missing: {LATENTS}", hint="repeat the run") from None
        if found != self.sha256:
            raise SpecError(f"{printable(str(self.latents))} was changed after the run wrote it", hint="repeat the run")


def read_parent(directory: Path) -> Parent:
    """Read the run in a directory.

    Args:
        directory: its run directory.

    Raises:
        SpecError: no run is whole there, or its files are damaged.
    """
    shown = printable(str(directory))
    try:
        record: dict[str, Any] = json.loads(read_bounded(directory / MANIFEST, _LARGEST))
        spec: dict[str, Any] = read_yaml(read_bounded(directory / SPEC, _LARGEST).decode(), f"{shown}/{SPEC}")[0]
        synopsis: dict[str, Any] = json.loads(read_bounded(directory / SYNOPSIS, _LARGEST))
        listed = {entry["path"]: entry["sha256"] for entry in record["files"]}
        parent = Parent(
            directory,
            record["run"],
            record["parent"],
            record["finished"],
            record["model"]["name"],
            spec,
            synopsis,
            listed.get(LATENTS),
        )
        _ = parent.frames, parent.size, parent.synopsis["states"]
    except (FileNotFoundError, NotADirectoryError):
        raise _absent(directory) from None
    except OSError as error:
        raise SpecError(f"the run in {shown} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise SpecError(f"the files of the run in {shown} are damaged", hint="repeat the run") from None
    return parent


def _absent(directory: Path) -> SpecError:
    """What to say where a file of a finished run is missing."""
    shown = printable(str(directory))
    if (directory / STATE).is_dir():
        return SpecError(f"the run in {shown} has not ended", hint=f"finish it first: vstar resume {shown}")
    if directory.is_file():
        above = printable(str(directory.parent))
        hint = f"name the directory: {above}" if (directory.parent / MANIFEST).is_file() else f"use a directory with a {MANIFEST}"
        return SpecError(f"{shown} is a file, not the directory of a run", hint=hint)
    missing = [name for name in RUN_FILES if not (directory / name).is_file()]
    if MANIFEST not in missing:
        return SpecError(f"the run in {shown} is not whole: {missing[0]} is missing", hint="repeat the run")
    return SpecError(f"there is no finished run in {shown}", hint=f"use a directory with a {MANIFEST}")
