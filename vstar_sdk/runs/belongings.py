"""What in a folder was written by runs, and is still what they wrote: that alone may be replaced or removed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, cast

from vstar_sdk.errors import OutputError
from vstar_sdk.output.digests import digest
from vstar_sdk.reading.escapes import json_escaped
from vstar_sdk.reading.files import read_bounded

MANIFEST = "manifest.json"
"""Written last and removed first: a directory that has it holds a run that is whole."""

SPEC = "spec.yaml"
SYNOPSIS = "synopsis.json"
STATE = "state"

LATENTS = "latents.safetensors"
"""The clean latents, for later runs that keep frames of this one; not of a run that was told not to write them."""

RUN_FILES = (SPEC, SYNOPSIS, MANIFEST)
"""What every run writes next to its artifacts."""

RESERVED = (*RUN_FILES, LATENTS, STATE)
"""What no artifact may be named."""

_SEAL = "seal"
_LARGEST = 64 << 20


def sealed(data: Mapping[str, Any], *more: bytes) -> bytes:
    """JSON of a mapping with a ``seal``: the SHA-256 of all the rest, and of what goes with it.

    Args:
        data: without a seal.
        more: the content of files that it seals too.
    """
    # As it will be read: keys and values that JSON does not have are texts there.
    plain: dict[str, Any] = json.loads(json.dumps(data, ensure_ascii=False, default=str))
    text = json.dumps(plain | {_SEAL: _seal(plain, more)}, indent=2, ensure_ascii=False)
    return json_escaped(text).encode() + b"\n"


def unsealed(content: bytes, *more: bytes) -> dict[str, Any] | None:
    """The mapping that `sealed` made JSON of; None if that was somebody else, or anything was changed since."""
    try:
        data: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    mapping = cast(dict[str, Any], data)
    return mapping if mapping.pop(_SEAL, None) == _seal(mapping, more) else None


class Belongings:
    """The files and folders of runs in a folder.

    Args:
        folder: need not exist.
        journal: names and digests from the journal of a run that died.
    """

    def __init__(self, folder: Path, journal: Mapping[str, Iterable[str]]) -> None:
        self._folder = folder
        self.listed: dict[str, set[str]] = {}
        """Names, relative to the folder, and the digests that each may have."""
        for name, digests in journal.items():
            for one in digests:
                self._add(name, one)
        spec, synopsis, manifest = (_content(folder / name) for name in (SPEC, SYNOPSIS, MANIFEST))
        if spec is not None and synopsis is not None and unsealed(synopsis, spec) is not None:
            self._add(SPEC, hashlib.sha256(spec).hexdigest())
            self._add(SYNOPSIS, hashlib.sha256(synopsis).hexdigest())
        if manifest is not None and (record := unsealed(manifest)) is not None:
            self._add(MANIFEST, hashlib.sha256(manifest).hexdigest())
            for entry in (*_entries(record, "files"), *_entries(record, "artifacts")):
                self._add(*entry)

    def check(self, names: Iterable[str]) -> None:
        """Refuse to replace what no run wrote, and to remove what was changed since.

        Args:
            names: of what is to be written.

        Raises:
            OutputError: one of them, or of what runs wrote here, is not theirs.
        """
        for name in dict.fromkeys((*names, *self.listed)):
            path = self._folder / name
            if not os.path.lexists(path):
                continue
            known = self.listed.get(name)
            if known is None or digest(path) not in known:
                why = "was not written by a run" if known is None else "was changed after a run wrote it"
                raise OutputError(
                    f"{path} {why}, so it is not replaced", hint="move it away, or choose another run directory with --out"
                )

    def _add(self, name: str, digest: str) -> None:
        if inside(self._folder, name) is not None:
            self.listed.setdefault(name, set()).add(digest)


def inside(folder: Path, name: str) -> Path | None:
    """A path in a folder, by a name that some file gives; None where it leads out of the folder, be it through a link."""
    relative = PurePosixPath(name)
    if not relative.parts or relative.is_absolute() or ".." in relative.parts:
        return None
    path = folder / relative
    return path if Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(folder)) else None


def _content(path: Path) -> bytes | None:
    try:
        return None if path.is_symlink() else read_bounded(path, _LARGEST)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _entries(record: Mapping[str, Any], key: str) -> Iterator[tuple[str, str]]:
    for entry in record.get(key, ()):
        match entry:
            case {"path": str(name), "sha256": str(digest)}:
                yield name, digest
            case _:
                pass


def _seal(data: Mapping[str, Any], more: Iterable[bytes]) -> str:
    whole = hashlib.sha256(json.dumps(data, sort_keys=True).encode())
    for content in more:
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()
