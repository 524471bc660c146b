"""The stage ``decode``: from latents to frames, straight into the exporters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk import events
from vstar_sdk.output.contract import Clip
from vstar_sdk.output.writing import Artifacts
from vstar_sdk.runs.directory import RunDirectory
from vstar_sdk.runs.exporters import exporters
from vstar_sdk.runs.memory import enough_memory
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.state import RunState, made

if TYPE_CHECKING:
    from vstar_sdk.models.contract import Adapter


def decode(run: Run, adapter: Adapter, state: RunState, clip: Clip, directory: RunDirectory) -> tuple[Path, ...]:
    """Decode the frames and write them.

    Returns:
        The artifacts, by exporter.

    Raises:
        OutputError: an artifact cannot be written.
        PluginError: a plugin failed to transform the frames.
        SamplerError: there is not enough memory.
    """
    with run.stage("decode"), enough_memory(run.plan, "decode"):
        artifacts = Artifacts(directory.path, exporters(run.plan.loaded), clip, before_placing=directory.turn)
        directory.announce(artifacts.drafts)
        with artifacts:
            for done, frame in enumerate(run.transforms.frames(adapter.decode(made(state.latents)), clip), 1):
                run.check()
                artifacts.write(frame)
                run.emit(events.FramesDecoded(run=run.id, done=done, total=clip.frames))
        for name, path in artifacts.paths:
            run.emit(events.Artifact(run=run.id, exporter=name, path=path))
    return tuple(path for _, path in artifacts.paths)
