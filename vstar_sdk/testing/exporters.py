"""A check for exporters: a small clip, written as runs write it, ended early, and written again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk.footage import Footage
from vstar_sdk.output.contract import Clip, Exporter
from vstar_sdk.output.writing import Artifacts
from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.exporters import CONTRACT
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.timeline import build

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Interrupted(Exception):
    """Ends the clip early; raised and caught by `check_exporter`."""


def sample_clip(*, frames: int = 6, width: int = 64, height: int = 48) -> Clip:
    """A clip with three states, before its first frame."""
    synopsis = Synopsis((State("a field in winter"), State("a field in spring, “new” grass"), State("a field in summer")))
    footage = Footage(frames=frames, width=width, height=height, fps=8.0, prompt="a field from winter to summer")
    return Clip.telling(footage, synopsis, build(synopsis.states, frames, 8.0), "prompt: a field from winter to summer\n")


def sample_frames(clip: Footage) -> list[NDArray[np.uint8]]:
    """Random frames of a clip, always the same."""
    import numpy as np

    random = np.random.default_rng(0)
    return [random.integers(0, 256, (clip.height, clip.width, 3), dtype=np.uint8) for _ in range(clip.frames)]


def check_exporter(make: Callable[[], Exporter], folder: Path) -> Path:
    """Write a clip with an exporter, as a run does.

    Args:
        make: gives a new exporter at every call, as a part's factory does.
        folder: an empty one, which takes the place of the run directory.

    Returns:
        The artifact, for checks of your own.

    Raises:
        OutputError: the exporter refused the clip, or left no artifact.
        AssertionError: it keeps the frames that it is given, or leaves files behind.
        PluginError: a method fails, such as `write` that changes a frame, or `abort` before `open`.
    """
    clip = sample_clip()
    _contained(make()).abort()
    try:
        with Artifacts(folder, [("exporter", _contained(make()))], clip) as artifacts:
            for frame in sample_frames(clip)[:2]:
                artifacts.write(frame)
            raise Interrupted
    except Interrupted:
        left = sorted(path.name for path in folder.rglob("*") if path.is_file())
        assert not left, f"after an interrupted run it leaves {', '.join(left)}"
    first, second = (_write(_contained(make()), clip, folder) for _ in range(2))
    assert first == second, f"its path changed from {first} to {second}"
    beside = sorted(
        path.name for path in folder.rglob("*") if path.is_file() and path != first and not path.is_relative_to(first)
    )
    assert not beside, f"it leaves {', '.join(beside)} beside its artifact"
    return first


def _contained(exporter: Exporter) -> Exporter:
    made: Exporter = Call(Origin("the exporter under test"), "object").checked(
        lambda made, call: CONTRACT.contain(made, call.origin), exporter
    )
    return made


def _write(exporter: Exporter, clip: Clip, folder: Path) -> Path:
    with Artifacts(folder, [("exporter", exporter)], clip) as artifacts:
        for frame in sample_frames(clip):
            artifacts.write(frame)
            frame[:] = 0  # the array is the caller's, who may use it again
    ((_, path),) = artifacts.paths
    return path
