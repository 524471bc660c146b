"""Conversions that are kept: a checkpoint named by a spec is converted once, into the user's cache directory."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from vstar_sdk.caches import cache_folder
from vstar_sdk.errors import OutputError
from vstar_sdk.models.videocrafter2.lvdm.conversion import FORMAT, convert, file_hash
from vstar_sdk.models.videocrafter2.lvdm.tokenizer import DEFAULT

logger = logging.getLogger(__name__)

_HINT = "convert it once: vstar convert videocrafter2"


def converted(checkpoint: Path, tokenizer: str | None) -> Path:
    """The converted directory of a checkpoint, made now if it is not in the cache.

    It is known by the checkpoint's contents, which takes reading the whole file each time; `vstar convert` and naming its
    directory spare that.

    Args:
        checkpoint: the file.
        tokenizer: see `convert`.

    Raises:
        ModelError: see `convert`.
        OutputError: the cache cannot be written.
    """
    try:
        folder = cache_directory()
    except OSError as error:
        raise OutputError(f"there is no folder for conversions: {error.strerror}", hint=_HINT) from None
    out = folder / f"{file_hash(checkpoint)[:40]}-{_short(tokenizer or DEFAULT)}-{FORMAT}"
    if not out.is_dir():
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{out.parent} cannot be written: {error.strerror}", hint=_HINT) from None
        try:
            convert(checkpoint, out, tokenizer, report=logger.info)
        except OutputError:
            if not out.is_dir():  # else another process was faster, and what it made is whole
                raise
    return out


def cache_directory() -> Path:
    """Where conversions are kept.

    Raises:
        OSError: there is no home directory.
    """
    return cache_folder("videocrafter2")


def _short(tokenizer: str) -> str:
    local = Path(tokenizer).expanduser()
    return hashlib.sha256(str(local.resolve() if local.exists() else tokenizer).encode()).hexdigest()[:12]
