"""The file that holds the JSON Schema of specs: written whole, and never over anything else."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import cast

from vstar_sdk.errors import OutputError
from vstar_sdk.output.whole import write_whole
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.spec.schema import TITLE

_LARGEST = 16 << 20


def check_schema(file: Path) -> None:
    """Refuse a folder, and a file that is there and holds no schema of ours.

    Raises:
        OutputError: it is one.
    """
    if file.is_dir():
        raise OutputError(f"{printable(str(file))} cannot be written: it is a folder", hint="name a file")
    if file.is_file() and not _is_ours(file):
        raise OutputError(
            f"{printable(str(file))} exists and is not what `vstar schema` writes", hint="move it away, or choose another file"
        )


def write_schema(file: Path, text: str) -> None:
    """Write the schema, whole or not at all; a link stays, and a device or a pipe is written to as it is.

    Args:
        file: its path.
        text: the schema.

    Raises:
        OutputError: another file is there, or it cannot be written.
    """
    try:
        check_schema(file)
        if file.exists() and not file.is_file():
            file.write_text(text, encoding="utf-8")
            return
        target = Path(os.path.realpath(file))
        if target.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        write_whole(target, text.encode())
    except OSError as error:
        raise OutputError(f"{printable(str(file))} cannot be written: {error.strerror}") from None


def _is_ours(file: Path) -> bool:
    try:
        content = json.loads(read_bounded(file, _LARGEST).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and cast(dict[str, object], content).get("title") == TITLE
