"""The clips of a gallery: read from run directories, or from videos that carry their specs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.output.made import made_with
from vstar_sdk.output.metadata import read_spec
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.reading.yaml_reader import read_yaml
from vstar_sdk.runs.unfinished import resumable

_LARGEST = 64 << 20


@dataclass(frozen=True)
class Shown:
    """One clip of a gallery.

    Attributes:
        name: what to call it.
        video: its MP4.
        spec: the resolved spec, or a mapping without anything where the video carries none.
        made: how it was made, in a line.
        states: first and last frame that each key state rules, and its caption.
        metrics: what the run measured, by name.
    """

    name: str
    video: Path
    spec: Mapping[str, Any]
    made: str
    states: Sequence[tuple[int, int, str]] = ()
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])


def read_clip(path: Path) -> Shown:
    """Read a clip.

    Args:
        path: a run directory with an MP4, or an MP4.

    Raises:
        OutputError: there is no video.
    """
    shown = printable(str(path))
    if not path.is_dir():
        if not path.is_file():
            raise OutputError(f"there is no {shown}", hint="use run directories or videos")
        spec = read_spec(path) or ""
        return Shown(path.stem, path, _mapping(spec), made_with(spec))
    videos = sorted(path.glob("*.mp4"))
    if not videos and resumable(path):
        raise OutputError(f"the run in {shown} is unfinished", hint=f"finish it: vstar resume {shown}")
    if not videos:
        raise OutputError(f"{shown} holds no video", hint="name directories of finished runs that write an mp4")
    spec = _text(path / "spec.yaml")
    manifest, synopsis = _mapping(_text(path / "manifest.json")), _mapping(_text(path / "synopsis.json"))
    states = [state for one in _listed(synopsis.get("states")) if (state := _state(one)) is not None]
    metrics = {str(name): value for name, value in _mapped(manifest.get("metrics")).items() if isinstance(value, int | float)}
    return Shown(path.name, videos[0], _mapping(spec), made_with(spec), states, metrics)


def _text(path: Path) -> str:
    try:
        return read_bounded(path, _LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _mapping(text: str) -> Mapping[str, Any]:
    """YAML or JSON that holds a mapping; else one without anything."""
    try:
        data: Any = json.loads(text) if text.startswith("{") else read_yaml(text, "the spec")[0]
    except (ValueError, RecursionError, SpecError):
        return {}
    return _mapped(data)


def _mapped(data: object) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], data) if isinstance(data, dict) else {}


def _listed(data: object) -> Sequence[object]:
    return cast(Sequence[object], data) if isinstance(data, list) else ()


def _state(data: object) -> tuple[int, int, str] | None:
    """First and last frame, and caption; None for what somebody wrote into the file who is not a run."""
    match _mapped(data):
        case {"rules": [int(first), int(last)], "caption": str(caption)}:
            return first, last, caption
        case _:
            return None
