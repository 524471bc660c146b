"""A pipeline directory in diffusers format, read without torch: one folder a component, with its configuration and weights."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, cast

from vstar_sdk.errors import ModelError
from vstar_sdk.reading.files import read_bounded

LARGEST = 16 << 20
"""Bytes of the largest configuration file; a tokenizer's vocabulary is none."""


def read_config(directory: Path, file: str) -> dict[str, Any]:
    """A JSON configuration of a pipeline directory.

    Args:
        directory: of the pipeline.
        file: below it, such as ``unet/config.json``.

    Raises:
        ModelError: there is no such directory or file, or it is not a JSON object.
    """
    path = directory / file
    try:
        config = json.loads(read_bounded(path, LARGEST).decode("utf-8"))
    except FileNotFoundError:
        if not directory.is_dir():
            raise ModelError(f"{directory}: there is no such model directory", hint="check the path") from None
        hint = "the directory is not in diffusers format, or its download is not complete: fetch it again"
        raise ModelError(f"{directory}: {file} is missing", hint=hint) from None
    except NotADirectoryError:
        raise ModelError(f"{directory}: is a file, where the folder of a model is needed", hint="name the folder") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read: {error}", hint="the file is damaged: fetch the model again") from None
    if not isinstance(config, dict):
        raise ModelError(f"{path}: is not a JSON object", hint="the file is damaged: fetch the model again")
    return cast(dict[str, Any], config)


@cache
def weight_hashes(directory: Path) -> dict[str, str]:
    """SHA-256 of every weight file of a pipeline directory, by its path in it; read once in a process."""
    return {path.relative_to(directory).as_posix(): file_hash(path) for path in sorted(directory.rglob("*.safetensors"))}


@cache
def file_hash(path: Path) -> str:
    """SHA-256 of a file; read once in a process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
