"""Where the package keeps what it found out or made once."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = "VSTAR_CACHE_DIR"
"""The environment variable that names another folder than the platform's."""

ROOMS = ("plugins", "plans", "experience", "previews", "videocrafter2")
"""The rooms of the cache."""

PACKAGE = Path(__file__).parent
"""The code that finds answers."""

_log = logging.getLogger(__name__)


def cache_folder(room: str) -> Path:
    """The folder of one room of the cache; it may not exist yet.

    Args:
        room: what is kept there, one of `ROOMS`.

    Raises:
        OSError: it would be in a home directory, and there is none.
    """
    named = os.environ.get(FOLDER, "").strip()
    try:
        if named:
            return Path(named).expanduser().absolute() / room
        import platformdirs

        folder = platformdirs.user_cache_path("vstar-sdk")
    except RuntimeError:
        folder = Path("~")
    if not folder.is_absolute():  # an older platformdirs leaves the ~ in it
        raise FileNotFoundError(errno.ENOENT, "there is no home directory")
    return folder / room


def remembered(room: str, subject: object, find: Callable[[], Any]) -> Any:
    """What a function found, now or in an earlier process that asked the same question and had the same code.

    Args:
        room: of the cache.
        subject: the question as JSON data. It names everything that the answer depends on, except the code of this package,
            versions of others included: with another subject the answer is found again.
        find: finds the answer, which is JSON data. What it raises is not kept.

    Nothing is kept where the subject is not JSON data after all (the configuration of somebody's model), or no folder is there
    to keep it in.
    """
    subject = {"of": subject, "code": _code()}
    try:
        question = json.dumps(subject, sort_keys=True)
        file = cache_folder(room) / f"{hashlib.sha256(question.encode()).hexdigest()[:40]}.json"
    except (OSError, TypeError, ValueError) as error:
        _log.info("the cache entry is recomputed by the next command: %s", error)
        return find()
    try:
        kept = json.loads(file.read_bytes())
        if kept["subject"] == json.loads(question):
            return kept["answer"]
    except (OSError, ValueError, KeyError, TypeError):  # not there, not ours to read, or damaged: then it is found again
        pass
    answer = find()
    try:
        write(file, json.dumps({"subject": subject, "answer": answer}, indent=1))
    except OSError as error:
        _log.info("the cache entry is recomputed by the next command, because %s cannot be written: %s", file, error.strerror)
    return answer


@cache
def _code() -> str:
    """Changes with the code of the package, so that a checkout never shows what an earlier state of it found."""
    return stamp_of(PACKAGE)


def stamp_of(folder: Path) -> str:
    """Changes with the Python files in a folder: their places, sizes and times of change."""
    found = ((file.relative_to(folder).as_posix(), file.stat()) for file in sorted(folder.rglob("*.py")))
    stamps = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in found]
    return hashlib.sha256(repr(stamps).encode()).hexdigest()


def write(file: Path, text: str) -> None:
    """Write a file of the cache, whole or not at all; its folder is made.

    Raises:
        OSError: it cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(draft, file)
    except BaseException:
        os.unlink(draft)
        raise
