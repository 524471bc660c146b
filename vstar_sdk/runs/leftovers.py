"""What runs that died left half-made: hidden drafts, which their journals name."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from vstar_sdk.errors import OutputError
from vstar_sdk.output.drafts import older_of, remove
from vstar_sdk.output.whole import DRAFT
from vstar_sdk.runs.belongings import Belongings, inside
from vstar_sdk.runs.journal import JOURNAL, Journal

_log = logging.getLogger(__name__)


def sweep(folder: Path, drafts: Iterable[str]) -> None:
    """Remove drafts, and the folders inside the run directory that held nothing else.

    Args:
        folder: the run directory.
        drafts: their names, from the journal of a run that died; one that is not a name of a draft is passed over.
    """
    for name in drafts:
        draft = inside(folder, name)
        if draft is None or not draft.name.startswith(".") or DRAFT not in draft.name:
            continue
        for path in (draft, older_of(draft)):
            remove(path)
        remove_empty(folder, draft.parent)


def remove_empty(folder: Path, inner: Path) -> None:
    """Remove a folder inside a run directory that is empty, and those around it that are so then."""
    with suppress(OSError):
        while inner != folder:
            inner.rmdir()
            inner = inner.parent


def sweep_all(root: Path) -> None:
    """Sweep the run directories in a folder that dead runs have left; what cannot be swept is logged.

    Args:
        root: the folder of the run directories that are made where none is named.
    """
    for path in root.glob(f"*/{JOURNAL}"):
        folder = path.parent
        try:
            journal = Journal.open(folder, create=False)
        except (OSError, OutputError) as error:  # a run that is alive, or not ours
            _log.info("%s cannot be removed: %s", folder, error)
            continue
        if journal is None:
            continue
        sweep(folder, journal.drafts)
        release(journal, folder)
        with suppress(OSError):
            folder.rmdir()


def release(journal: Journal, folder: Path) -> None:
    """Let go of a run directory; its journal stays where nothing else there shows that a file is a run's."""
    known = Belongings(folder, {}).listed
    journal.close(remove=not any((folder / name).exists() for name in journal.files if name not in known))
