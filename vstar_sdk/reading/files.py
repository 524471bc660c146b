"""Files that somebody else names: read as far as a bound, and only where they are files."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class TooLarge(OSError):
    """A file holds more than was allowed."""


def check_regular(path: Path) -> None:
    """Refuse what is not a file with an end: a device, a pipe, a socket, a folder.

    Raises:
        OSError: it is one, or cannot be looked at; ``strerror`` says which.
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:
        raise OSError(errno.EINVAL, f"no file has such a name: {error}", str(path)) from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", str(path))


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a file.

    Args:
        path: any path; a link is followed.
        most: bytes that are read at the most.

    Raises:
        TooLarge: it holds more.
        OSError: it is not a file, or cannot be read.
    """
    check_regular(path)
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise TooLarge(errno.EFBIG, f"it holds more than {most // 1024} KB", str(path))
    return content


def is_empty(path: Path) -> bool:
    """Whether there is a file, and nothing in it."""
    return path.is_file() and path.stat().st_size == 0
