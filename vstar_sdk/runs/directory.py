"""The run directory: where a run's files stand, each one whole or absent, and nothing else is touched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.errors import OutputError
from vstar_sdk.output.digests import digest
from vstar_sdk.output.drafts import Draft, drafts_for
from vstar_sdk.output.drafts import remove as remove_draft
from vstar_sdk.output.whole import write_whole
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.belongings import LATENTS, MANIFEST, RESERVED, RUN_FILES, SPEC, SYNOPSIS, Belongings, sealed
from vstar_sdk.runs.journal import Journal
from vstar_sdk.runs.leftovers import release, remove_empty, sweep
from vstar_sdk.runs.naming import ANOTHER, check_text, check_written

if TYPE_CHECKING:
    from vstar_sdk.output.contract import Exporter


class RunDirectory:
    """A folder for the files of one run.

    What an earlier run wrote there, and nobody changed since, makes room: an earlier run that is whole stays so until this
    one's artifacts are finished, and then all that its manifest lists is removed. Anything else in the folder stays as it
    is, and a file of this run never takes its place.

    Spec and synopsis are there early, so that a run which is interrupted can be repeated without asking a language model
    again. Only where an earlier run is whole do they wait until this run's artifacts are.

    Args:
        path: the folder.

    Raises:
        OutputError: it is not a path of a folder.
    """

    def __init__(self, path: Path) -> None:
        check_written(path)
        self.path = path
        self._waiting: dict[str, bytes] = {}
        self._journal: Journal | None = None
        self._made: list[Path] = []
        self._is: os.stat_result | None = None
        self._names: list[str] = []

    def check(self, exporters: Sequence[tuple[str, Exporter]], *, latents: bool = False) -> None:
        """Find what would keep the run's files out, before anything is made or paid for.

        Args:
            exporters: names, as in ``use``, and exporters.
            latents: whether the run will write them, by `write_latents`.

        Raises:
            OutputError: the folder cannot be made or written to, another run is using it, or something that no run wrote is
                in the way.
        """
        with self._errors():
            folder = self.path.absolute()
            check_text(folder)
            there = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
            if not there.exists():
                raise OutputError(f"the folder {self.path} cannot be created: {there} is a broken symbolic link", hint=ANOTHER)
            if not there.is_dir():
                raise OutputError(f"the folder {self.path} cannot be created: {there} is a file", hint=ANOTHER)
            if not os.access(there, os.W_OK | os.X_OK):
                raise OutputError(f"the folder {self.path} cannot be written to", hint=ANOTHER)
            own = (*RUN_FILES, LATENTS) if latents else RUN_FILES
            for name in own:
                if (self.path / name).is_dir():
                    raise OutputError(f"{self.path / name} is a folder", hint="choose another run directory with --out")
            drafts = drafts_for(folder, exporters, reserved=RESERVED)
            self._names = [*own, *(self._name(draft.final) for draft in drafts)]
            journal = Journal.open(self.path, create=False) if folder.is_dir() else None
            try:
                Belongings(self.path, journal.files if journal else {}).check(self._names)
            finally:
                if journal is not None:
                    journal.close(remove=False)

    def claim(self) -> None:
        """Make the folder, take it for this run, and sweep what a run that died left half-made.

        Raises:
            OutputError: it cannot be made or written to, or another run is using it.
        """
        with self._errors():
            self._journal = self._opened()
            self._is = self.path.stat()
            sweep(self.path, self._held.drafts)

    def _opened(self) -> Journal | None:
        """The journal, in a folder that is made here unless it is there."""
        while True:
            made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            self._made = list(dict.fromkeys([*self._made, *made]))
            try:
                return Journal.open(self.path)
            except FileNotFoundError:
                # Another process sweeps: it took the folder, empty as it still was, for what a dead run had left.
                if self.path.is_dir():
                    raise

    def still_there(self) -> None:
        """Find out whether the folder is the one that was claimed.

        Raises:
            OutputError: it was removed, or replaced by another.
        """
        if self._is is None:
            return
        with suppress(OSError):
            if os.path.samestat(self.path.stat(), self._is):
                return
        raise OutputError(
            f"the folder {self.path} was removed during the run", hint="do not change a run directory while a run uses it"
        )

    def begin(self, spec: str, synopsis: Mapping[str, Any]) -> None:
        """Write spec and synopsis, unless an earlier run is whole there.

        Raises:
            OutputError: they cannot be written, or something that no run wrote has come to be in the way.
        """
        self.still_there()
        with self._errors():
            Belongings(self.path, self._held.files).check(self._names)
        content = spec.encode()
        self._waiting = {SPEC: content, SYNOPSIS: sealed(synopsis, content)}
        if not (self.path / MANIFEST).exists():
            self._write_waiting()

    def announce(self, drafts: Sequence[Draft]) -> None:
        """Artifacts are about to be made.

        Raises:
            OutputError: the journal cannot be written.
        """
        with self._errors():
            for draft in drafts:
                self._held.draft(self._name(draft.partial))

    def turn(self, drafts: Sequence[Draft]) -> None:
        """The artifacts are about to appear: an earlier run is whole no longer, and all of it that is not replaced goes.

        Raises:
            OutputError: something that no run wrote is in the way, or an earlier run's file cannot be removed.
        """
        self.still_there()
        with self._errors():
            earlier = Belongings(self.path, self._held.files)
            earlier.check(self._names)
            for name, digests in list(earlier.listed.items()):
                for one in digests:
                    self._held.file(name, one)
            for draft in drafts:
                self._held.file(self._name(draft.final), digest(draft.partial))
            (self.path / MANIFEST).unlink(missing_ok=True)
            for name in earlier.listed:
                if name not in self._names:
                    remove_draft(self.path / name)
                    remove_empty(self.path, (self.path / name).parent)

    def write_latents(self, content: bytes) -> None:
        """Write the clean latents; the artifacts are there.

        Raises:
            OutputError: they cannot be written.
        """
        self.still_there()
        self.write(LATENTS, content)

    def finish(self) -> None:
        """The artifacts are there: write what has waited for them.

        Raises:
            OutputError: it cannot be written.
        """
        self.still_there()
        self._write_waiting()

    def record(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest: the run is whole.

        Raises:
            OutputError: it cannot be written.
        """
        self.still_there()
        self.write(MANIFEST, sealed(manifest))

    def entry(self, path: Path) -> dict[str, Any]:
        """What the manifest says of a file or a folder: its path in the run directory, its size and its digest.

        Args:
            path: absolute.

        Raises:
            OutputError: it is not there any more.
        """
        with self._errors():
            size = {"files": sum(1 for _ in path.iterdir())} if path.is_dir() else {"bytes": path.stat().st_size}
            return {"path": self._name(path), **size, "sha256": digest(path)}

    def entries(self, artifacts: Sequence[Path]) -> dict[str, Any]:
        """What the manifest lists: artifacts, and the other files."""
        folder = self.path.absolute()
        return {
            "artifacts": [self.entry(path) for path in artifacts],
            "files": [self.entry(folder / name) for name in (SPEC, SYNOPSIS, LATENTS) if name in self._names],
        }

    def leave(self, *, failed: bool) -> None:
        """The run has ended: give the folder back; where nothing was written, one that was made for it goes away.

        Args:
            failed: by an error or a cancel.
        """
        with suppress(OSError, OutputError):
            if self._journal is not None:
                release(self._journal, self.path)
        self._journal = None
        if failed:
            for folder in self._made:
                with suppress(OSError):
                    folder.rmdir()

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        target = self.path / name
        with self._errors(f"{target} cannot be written", "is the disk full, or the folder read-only?"):
            self._held.file(name, hashlib.sha256(content).hexdigest())
            write_whole(target, content, announce=lambda draft: self._held.draft(draft.name))

    @property
    def _held(self) -> Journal:
        if self._journal is None:
            raise RuntimeError(f"the folder {self.path} was not claimed")
        return self._journal

    def _write_waiting(self) -> None:
        while self._waiting:
            name = next(iter(self._waiting))
            self.write(name, self._waiting[name])
            del self._waiting[name]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.path.absolute()).as_posix()

    @contextmanager
    def _errors(self, what: str | None = None, hint: str | None = None) -> Generator[None]:
        """Turn the errors of the disk into `OutputError`."""
        try:
            yield
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            named = f" ({printable(str(error.filename))})" if error.filename and what is None else ""
            raise OutputError(
                f"{what or f'the folder {self.path} cannot be used'}: {reason}{named}", hint=hint or ANOTHER
            ) from error
