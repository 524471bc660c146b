"""Files and folders that are whole or absent."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

DRAFT = ".partial-"
"""In the name of every hidden file that something is made in, before it is renamed to its place."""


def draft_of(target: Path) -> Path:
    """A hidden sibling to make something in, with the same suffix; its name is short however long the target's is."""
    return target.with_name(f".{target.stem[:20]}{DRAFT}{secrets.token_hex(4)}{target.suffix}")


def write_whole(
    target: Path, content: bytes, *, new: bool = False, announce: Callable[[Path], None] = lambda draft: None
) -> None:
    """Write a file, whole or not at all; one that is there is replaced.

    The content is on the disk before the name is: a loss of power leaves the old file or the new one, and never an empty one in
    the place of both. These files are small, and what is lost with one may be a night of steps; videos and folders, which can be
    made again, are not waited for.

    Args:
        target: its path.
        content: what it is to hold.
        new: replace nothing.
        announce: told the hidden file that it is made in, before that is there.

    Raises:
        FileExistsError: it is to be new, and is there.
        OSError: it cannot be written; what stood there before is untouched.
    """
    draft, taken = draft_of(target), False
    announce(draft)
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if new:
            target.open("xb").close()  # the name is somebody's, or ours from here on
            taken = True
        os.replace(draft, target)
    except BaseException:
        draft.unlink(missing_ok=True)
        if taken:
            target.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """Open around the making of a new folder; the folders around it are made, too.

    Where the block raises, nothing of all that is left.

    Args:
        target: its path.

    Returns:
        A hidden sibling to fill, which is renamed to its path when the block ends.

    Raises:
        FileExistsError: something is there.
        OSError: it cannot be made.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    made = [parent for parent in target.parents if not parent.exists()]
    draft = draft_of(target)
    try:
        draft.mkdir(parents=True)
        yield draft
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        for parent in made:
            with suppress(OSError):
                parent.rmdir()
        raise
