"""Where the package keeps what it found out or made once."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "VSTAR_CACHE_DIR"
"""The environment variable that names another folder than the platform's."""


def cache_folder(room: str) -> Path:
    """The folder of one room of the cache; it may not exist yet.

    Args:
        room: what is kept there: ``videocrafter2``, ``plugins``.
    """
    named = os.environ.get(FOLDER, "").strip()
    if named:
        return Path(named).expanduser().absolute() / room
    import platformdirs

    return platformdirs.user_cache_path("vstar-sdk") / room
