"""Text files that are whole or absent."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
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

    Args:
        target: its path.
        content: what it is to hold.
        new: replace nothing.
        announce: told the hidden file that it is made in, before that is there.

    Raises:
        FileExistsError: it is to be new, and is there.
        OSError: it cannot be written; what stood there before is untouched.
    """
    draft = draft_of(target)
    announce(draft)
    try:
        with draft.open("xb") as file:
            file.write(content)
        if new:
            target.open("xb").close()  # the name is taken, or it is ours
        os.replace(draft, target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
