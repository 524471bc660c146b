"""Artifacts in the making: hidden files and folders next to their final places, and how they get there."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from vstar_sdk.errors import OutputError
from vstar_sdk.output.path import artifact_path
from vstar_sdk.output.whole import draft_of

if TYPE_CHECKING:
    from vstar_sdk.output.contract import Exporter

_log = logging.getLogger(__name__)

_HINTS = {
    errno.ENOSPC: "free disk space, or use another run directory",
    errno.EACCES: "use a run directory that you can write to",
    errno.EPERM: "use a run directory that you can write to",
    errno.EROFS: "use a run directory on a disk that is not read-only",
    errno.ENAMETOOLONG: "give this exporter a shorter path",
    errno.ELOOP: "the path has a circular link: use another run directory",
    errno.ENOENT: "the run directory was removed or renamed during the run: do not change it while a run uses it",
}


@dataclass(frozen=True)
class Draft:
    """One artifact in the making.

    Attributes:
        name: of the exporter, as in ``use``.
        exporter: who makes it.
        final: where it will be.
        partial: where it is made: a hidden sibling of ``final`` with the same suffix.
    """

    name: str
    exporter: Exporter
    final: Path
    partial: Path

    @contextmanager
    def disk_errors(self) -> Generator[None]:
        """Turn the errors of the disk into `OutputError`."""
        try:
            yield
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OutputError(
                f"exporter {self.name}: cannot write {self.final}: {reason}",
                hint=_HINTS.get(error.errno or 0, "check the disk, or use another run directory"),
            ) from error

    def check_made(self) -> None:
        """Find out whether the exporter has made anything.

        Raises:
            OutputError: it has not, or somebody has removed it.
        """
        if self.partial.exists():
            return
        if not self.partial.parent.exists():
            raise OutputError(
                f"the folder {self.partial.parent} was removed during the run",
                hint="do not change a run directory while a run uses it",
            )
        raise OutputError(
            f"exporter {self.name} closed without writing {self.final.name}", hint="report it to the exporter's author"
        )

    def put_in_place(self) -> None:
        """Rename it to its final path, over an older one. A folder cannot replace a folder, so an older folder steps aside first.

        Raises:
            OSError: it cannot be renamed; the older one is where it was.
        """
        if not self.final.is_dir():
            self.partial.replace(self.final)
            return
        older = older_of(self.partial)
        self.final.rename(older)
        try:
            self.partial.rename(self.final)
        except OSError:
            older.rename(self.final)
            raise
        remove(older)

    def discard(self) -> None:
        """Abort the exporter and remove what it wrote; never raises."""
        try:
            self.exporter.abort()
        except Exception:
            _log.warning("exporter %s failed in abort, which must not raise", self.name, exc_info=True)
        remove(self.partial)


def drafts_for(folder: Path, exporters: Sequence[tuple[str, Exporter]], *, reserved: Sequence[str] = ()) -> tuple[Draft, ...]:
    """Give every exporter its place; nothing is written yet.

    Args:
        folder: the run directory, absolute; need not exist.
        exporters: names, as in ``use``, and exporters.
        reserved: names of files that the run itself writes to the folder.

    Raises:
        OutputError: a path leaves the folder, two paths collide, one is reserved, or another folder than an artifact is in the
            way.
    """
    own = {PurePosixPath(written.casefold()): written for written in reserved}
    drafts: dict[PurePosixPath, Draft] = {}
    for name, exporter in exporters:
        relative, draft = _draft(folder, name, exporter)
        # Upper and lower case are one name on macOS and Windows, and a folder of frames is replaced whole.
        place = PurePosixPath(str(relative).casefold())
        for other, written in own.items():
            if place.is_relative_to(other):
                raise OutputError(
                    f"exporter {name}: {exporter.path} collides with the run's own file {written}",
                    hint="give this exporter another path",
                )
        for other, earlier in drafts.items():
            if place.is_relative_to(other) or other.is_relative_to(place):
                raise OutputError(
                    f"exporters {earlier.name} and {name} collide: {earlier.exporter.path} and {exporter.path}",
                    hint="give one of them another path",
                )
        drafts[place] = draft
    return tuple(drafts.values())


def _draft(folder: Path, name: str, exporter: Exporter) -> tuple[PurePosixPath, Draft]:
    try:
        relative = artifact_path(exporter.path)
    except ValueError as error:
        raise OutputError(f"exporter {name}: {error}") from None
    final = folder / relative
    draft = Draft(name, exporter, final, draft_of(final))
    with draft.disk_errors():
        _check_place(name, folder, final)
    return relative, draft


def _check_place(name: str, folder: Path, final: Path) -> None:
    if not Path(os.path.realpath(final.parent)).is_relative_to(os.path.realpath(folder)):
        raise OutputError(
            f"exporter {name}: {final} leaves {folder} through a symbolic link", hint="give this exporter another path"
        )
    for parent in final.parents[: len(final.relative_to(folder).parts) - 1]:
        if os.path.lexists(parent) and not parent.is_dir():
            raise OutputError(f"exporter {name}: {parent} is not a folder", hint="give this exporter another path")
    if final.is_dir() and not all(entry.is_file() and entry.stem.isdecimal() for entry in final.iterdir()):
        raise OutputError(
            f"exporter {name}: {final} is a folder with other files than numbered frames, so it is not replaced",
            hint="give this exporter another path, or move the folder away",
        )


def older_of(partial: Path) -> Path:
    """Where an older folder steps aside to, while a draft takes its place."""
    return partial.with_name(f"{partial.name}-older")


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there; what cannot be removed is logged."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            with suppress(FileNotFoundError):
                path.unlink()
    except OSError as error:
        _log.warning("cannot remove the temporary %s: %s", path, error.strerror)
