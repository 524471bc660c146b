"""Locks on files: one process at a time, and anybody may look without getting in its way.

A lock belongs to the open file. It ends with the process, however that ends.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: two processes are not told apart there
    fcntl = None

LOCKS = fcntl is not None
"""Whether this system has them; where not, every lock is given."""

_PATIENCE = 2.0
"""Seconds in which a lock is tried again while others look at it. A look takes microseconds."""


def lock(descriptor: int) -> bool:
    """Lock an open file.

    Returns:
        Whether it is locked now. It is not where another process has locked it; one that merely looks is waited for.
    """
    if fcntl is None:
        return True
    end = time.monotonic() + _PATIENCE
    while not _try(descriptor, fcntl.LOCK_EX):
        if not _try(descriptor, fcntl.LOCK_SH):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


def unlock(descriptor: int) -> None:
    """Let go at once: a process that was forked meanwhile holds the open file, too."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def held(path: Path) -> bool:
    """Whether a process that is alive has locked a file; one that is not there is not locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    try:
        return fcntl is not None and not _try(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def leads_to(path: Path, descriptor: int) -> bool:
    """Whether a path still leads to the open file."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _try(descriptor: int, kind: int) -> bool:
    assert fcntl is not None  # noqa: S101
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
