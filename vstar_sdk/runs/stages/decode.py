"""The stage ``decode``: from latents to frames, straight through the finishers into the metrics and the exporters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk import events
from vstar_sdk.output.contract import Clip
from vstar_sdk.output.writing import Artifacts
from vstar_sdk.runs.clips import Clips
from vstar_sdk.runs.directory import RunDirectory
from vstar_sdk.runs.exporters import exporters
from vstar_sdk.runs.instruments import metrics_of
from vstar_sdk.runs.measuring import Measuring
from vstar_sdk.runs.memory import enough_memory
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.schedule import schedule_steps
from vstar_sdk.runs.state import RunState, made
from vstar_sdk.runs.watching import recording_of

if TYPE_CHECKING:
    from vstar_sdk.models.contract import Adapter


@dataclass(frozen=True)
class Decoded:
    """What became of the frames.

    Attributes:
        artifacts: by exporter.
        metrics: what was measured on the frames that were written.
        sha256: of the bytes of all frames, one after the other; None where none was decoded.
    """

    artifacts: tuple[Path, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    sha256: str | None = None


def decode(run: Run, adapter: Adapter, state: RunState, clips: Clips, directory: RunDirectory | None) -> Decoded:
    """Decode the frames, finish, measure and write them; where nothing asks for frames, none is decoded.

    Args:
        run: under way.
        adapter: the loaded model.
        state: has the latents.
        clips: the decoder's, and the finished one.
        directory: where exporters write; None: nowhere.

    Raises:
        OutputError: an artifact cannot be written.
        PluginError: a plugin failed to transform, finish or measure the frames.
        SamplerError: there is not enough memory.
        SpecError: a metric cannot measure the frames.
    """
    metrics = metrics_of(run.plan.loaded)
    if directory is None and not metrics:
        return Decoded()
    numbers: dict[str, float] = {}
    whole = hashlib.sha256()
    with run.stage("decode"), enough_memory(run.plan, "decode"), run.under():
        final = clips.final
        measuring = Measuring(metrics, final)
        if (recording := recording_of(run.plan)) is not None:
            recording.resume(made(state.maps))
            measuring.observe(recording, schedule_steps(run.plan))
        with _artifacts(run, final, directory) as artifacts:
            for done, frame in enumerate(clips.finished(run.transforms, adapter.decode(made(state.latents))), 1):
                run.check()
                whole.update(frame.tobytes())
                measuring.add(frame)
                artifacts.write(frame)
                run.frame_done(frame, done, final.frames)
            for use, measured in measuring.results():
                run.emit(events.Measured(run=run.id, metric=use, numbers=measured))
                numbers |= measured
        for name, path in artifacts.paths:
            run.emit(events.Artifact(run=run.id, exporter=name, path=path))
    return Decoded(tuple(path for _, path in artifacts.paths), numbers, whole.hexdigest())


def _artifacts(run: Run, clip: Clip, directory: RunDirectory | None) -> Artifacts:
    """The exporters' files in the making; none without a directory."""
    if directory is None:
        return Artifacts(Path(), (), clip)
    artifacts = Artifacts(directory.path, exporters(run.plan.loaded), clip, before_placing=directory.turn)
    directory.announce(artifacts.drafts)
    return artifacts
