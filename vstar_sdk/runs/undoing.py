"""Taking a reworked run back: its files go, and the run that it went on from is the newest again. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.output.digests import digest
from vstar_sdk.output.drafts import remove
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.belongings import MANIFEST, Belongings
from vstar_sdk.runs.history import history, origin
from vstar_sdk.runs.journal import Journal
from vstar_sdk.runs.leftovers import release, remove_empty
from vstar_sdk.runs.parent import read_parent

_BY_HAND = "delete the folder yourself, if you do not want it"


def undo(directory: Path) -> Path:
    """Remove a run that goes on from another, and nothing that the run did not write.

    Args:
        directory: of the run.

    Returns:
        The directory of the run that it went on from.

    Raises:
        SpecError: no run is whole there, it was made from nothing, the run before it is not there any more, or a run beside it
            goes on from it.
        OutputError: another run is at work in it, a file was changed since, or cannot be removed; then nothing is removed.
    """
    version, shown = next(history(directory)), printable(str(directory))
    if version.came_from is None:
        raise SpecError(f"the run in {shown} was not made from another, so nothing would be left", hint=_BY_HAND)
    if version.parent is None:
        before = printable(str(version.came_from))
        raise SpecError(f"the run that {shown} goes on from is not in {before} any more: nothing would be left", hint=_BY_HAND)
    for later in _later(directory):
        raise SpecError(
            f"the run in {printable(str(later))} goes on from the one in {shown}", hint=f"undo that first: vstar undo {later}"
        )
    try:
        _remove(directory)
    except OSError as error:
        raise OutputError(f"{shown} cannot be removed: {error.strerror}", hint="is the folder read-only?") from error
    return version.parent.directory


def _later(directory: Path) -> Iterator[Path]:
    """The runs beside one that go on from it."""
    whole = directory.resolve()
    for beside in sorted(directory.parent.iterdir()):
        if beside.resolve() == whole or not (beside / MANIFEST).is_file():
            continue
        with suppress(SpecError):
            start = read_parent(beside).spec.get("start")
            if start and start.get("from") and origin(beside, start["from"]).resolve() == whole:
                yield beside


def _remove(folder: Path) -> None:
    """Remove what runs wrote in a folder, the manifest first; and the folder, if that was all."""
    if (journal := Journal.open(folder)) is None:
        return
    try:
        listed = Belongings(folder, journal.files).listed
        for name, digests in listed.items():
            path = folder / name
            if path.exists() and digest(path) not in digests:
                raise OutputError(f"{printable(str(path))} was changed after the run wrote it", hint="move it away first")
        for name, digests in listed.items():
            for one in digests:
                journal.file(name, one)  # so that a run may still be made here, should this process die now
        for name in sorted(listed, key=lambda name: name != MANIFEST):
            remove(folder / name)
            remove_empty(folder, (folder / name).parent)
    finally:
        release(journal, folder)
    with suppress(OSError):
        folder.rmdir()
