"""Where an artifact goes: a name inside the run directory, written with ``/`` on every system."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import field_validator

from vstar_sdk.options import ExporterOptions
from vstar_sdk.reach import InnerName
from vstar_sdk.reading.escapes import obeyed

LONGEST = 255
"""Bytes of the longest name that file systems take."""

_NOT_PORTABLE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


def artifact_path(written: str) -> PurePosixPath:
    """Read the ``path`` of an exporter's options.

    Args:
        written: relative to the run directory, parts separated by ``/``: ``video.mp4``, ``drafts/video.mp4``.

    Returns:
        The path without ``.`` parts and double or trailing slashes.

    Raises:
        ValueError: it is absolute, leaves the run directory, names nothing or something hidden, or holds characters that not
            every file system takes.
    """
    odd = next((sign for sign in written if _NOT_PORTABLE.match(sign) or obeyed(sign)), None)
    if odd is not None:
        raise ValueError(f"path {written!r} holds {odd!r}, which some systems do not support: remove it; a folder ends in '/'")
    path = PurePosixPath(written)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"path {written!r} leaves the run directory: use a path relative to it, without '..'")
    if not path.parts:
        raise ValueError(f"path {written!r} has no file name: write a name inside the run directory")
    if any(len(part.encode()) > LONGEST for part in path.parts):
        raise ValueError(f"path '{written[:40]}...' has a part of more than {LONGEST} bytes: choose a shorter name")
    if any(part.startswith(".") or part != part.strip() for part in path.parts):
        raise ValueError(f"path {written!r} has a part that begins with '.' or a space, or ends in a space: choose a plain name")
    return path


class ArtifactOptions(ExporterOptions):
    """Base of the options of an exporter that writes one artifact.

    A subclass sets ``suffix`` and gives ``path`` its default.
    """

    suffix: ClassVar[str] = ""
    """The suffix that a file of this format has, with its dot; "" for a folder."""

    path: InnerName
    """Name of the artifact inside the run directory; parts are separated by ``/``."""

    @field_validator("path")
    @classmethod
    def _inside(cls, written: str) -> str:
        path = artifact_path(written)
        if path.suffix.lower() != cls.suffix:
            wanted = f"end it in {cls.suffix!r}" if cls.suffix else "use a folder, without a suffix"
            raise ValueError(f"path {written!r} does not fit the format: {wanted}")
        return str(path)
