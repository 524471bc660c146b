"""Writing a result that was kept in memory: the exporter is chosen by the file's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk.errors import OutputError
from vstar_sdk.output.path import ArtifactOptions, artifact_path
from vstar_sdk.output.writing import Artifacts
from vstar_sdk.plugin.catalog import Part
from vstar_sdk.plugin.discovery import built_in_catalog
from vstar_sdk.reading.escapes import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.output.contract import Clip


def save(frames: Iterator[NDArray[np.uint8]], clip: Clip, path: Path) -> Path:
    """Write frames as an exporter does with its defaults; the file is whole or absent.

    Args:
        frames: all of the clip, ``(height, width, 3)``, RGB.
        clip: what is known of them.
        path: ends in ``.mp4``, ``.gif`` or ``.png`` (a contact sheet); without a suffix it is a folder of PNG images.

    Returns:
        The absolute path.

    Raises:
        OutputError: something is there already, no exporter writes such a file, or the disk refuses.
    """
    shown, part = printable(str(path)), _exporter(path)
    try:
        artifact_path(path.name)
    except ValueError as error:
        raise OutputError(f"cannot save {shown}: {error}", hint="choose another name") from None
    if path.exists() or path.is_symlink():
        raise OutputError(f"{shown} exists already", hint="choose another name, or remove it first")
    exporter = part.make(part.options.model_validate({"path": path.name}))
    with Artifacts(path.absolute().parent, [(part.name, exporter)], clip) as artifacts:
        for frame in frames:
            artifacts.write(frame)
    return path.absolute()


def _exporter(path: Path) -> Part:
    """The built-in exporter whose files end so.

    Raises:
        OutputError: there is none.
    """
    known: dict[str, Part] = {}
    for part in built_in_catalog().parts("exporters"):
        if issubclass(part.options, ArtifactOptions):
            known[part.options.suffix] = part
    if (suffix := path.suffix.lower()) not in known:
        endings = ", ".join(sorted(filter(None, known)))
        raise OutputError(
            f"cannot save {printable(str(path))}: no exporter writes {suffix} files",
            hint=f"use {endings}, or the name of a folder",
        )
    return known[suffix]
