"""What a file or a folder holds, as one short text: to tell whether it is still what was written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from vstar_sdk.reading.files import check_regular


def digest(path: Path) -> str:
    """The SHA-256 of a file's bytes; of a folder, of the names and bytes of all that is in it; of a link, of where it leads.

    Raises:
        OSError: it is not there, is a device or a pipe, or cannot be read.
    """
    if path.is_symlink():
        return hashlib.sha256(b"link " + os.fsencode(os.readlink(path))).hexdigest()
    if not path.is_dir():
        check_regular(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256(b"folder")
    for entry in sorted(path.iterdir()):
        whole.update(f" {digest(entry)} ".encode() + os.fsencode(entry.name))
    return whole.hexdigest()
