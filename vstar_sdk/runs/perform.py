"""A run from beginning to end: synopsis -> timeline -> load -> encode -> sample -> decode -> finish -> export."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk import events
from vstar_sdk.plugin.observers import Observers
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.runs.ahead import imports_ahead
from vstar_sdk.runs.clips import Clips
from vstar_sdk.runs.directory import RunDirectory
from vstar_sdk.runs.experience import Experience, remember, workload_of
from vstar_sdk.runs.exporters import exporters
from vstar_sdk.runs.manifest import manifest
from vstar_sdk.runs.memory import enough_memory
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.participants import participants_record
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.process import peak_bytes
from vstar_sdk.runs.resolving import resolve
from vstar_sdk.runs.result import Result
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.schedule import evaluations
from vstar_sdk.runs.stages.decode import Decoded, decode
from vstar_sdk.runs.stages.load import dtype_of, load
from vstar_sdk.runs.stages.synopsis import synopsis
from vstar_sdk.runs.state import RunState, made
from vstar_sdk.runs.story import synopsis_data
from vstar_sdk.spec.writing import to_yaml

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.contract import Adapter


def perform(run: Run, models: Models, observers: Observers, folder: Path | None, state: RunState | None = None) -> Result:
    """Do a run.

    Args:
        run: just begun.
        models: gives the loaded model.
        observers: the plugins that watch; asked for their faults at the end.
        folder: the run directory; None keeps the run in memory.
        state: what an earlier part of the same run has made; its stages pass over that.

    Raises:
        VstarError: whatever ended it; files that were being written are gone.
    """
    directory = RunDirectory(folder) if folder is not None else None
    done = False
    try:
        if directory is not None:
            directory.check(exporters(run.plan.loaded))
        evaluations(run.plan)  # an unfit scheduler ends the run before a language model is paid and a model is loaded
        if directory is not None:
            directory.claim()
            run = replace(run, check=_both(run.check, directory.still_there))
        result = _perform(run, models, observers, directory, state or RunState())
        done = True
    finally:
        if directory is not None:
            directory.leave(failed=not done)
    return result


def _both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        first()
        second()

    return both


def _perform(run: Run, models: Models, observers: Observers, directory: RunDirectory | None, state: RunState) -> Result:
    plan = run.plan
    begun = state.sampler
    with imports_ahead(plan):
        state = synopsis(run, state)
    adapter = load(run, models)
    from vstar_sdk.runs.stages.encode import encode  # here, because these bring torch, which the load stage counts
    from vstar_sdk.runs.stages.sample import sample

    story = made(state.story)
    resolved = resolve(plan, story, dtype_of(adapter))
    clips = Clips.of(plan, story, to_yaml(resolved))
    if directory is not None:
        directory.begin(clips.final.spec, synopsis_data(story))
    state = encode(run, adapter, state)
    state = sample(run, adapter, state)
    decoded = decode(run, adapter, state, clips, directory)
    if directory is not None and begun is None:
        _learn(run, adapter)
    return Result(
        id=run.id,
        spec=resolved,
        synopsis=story.synopsis,
        timeline=story.timeline,
        latents=made(state.latents),
        directory=directory.path if directory is not None else None,
        artifacts=decoded.artifacts,
        manifest=_end(run, adapter, observers, directory, decoded),
        warnings=tuple(run.warnings),
        load=partial(models.get, plan),
        finish=partial(_finish, plan, run.transforms, clips),
    )


def _end(run: Run, adapter: Adapter, observers: Observers, directory: RunDirectory | None, decoded: Decoded) -> dict[str, Any]:
    """Write the manifest, tell the end, and return the manifest with what observers did wrong until then."""
    plan = run.plan
    for fault in (faults := observers.faults()):
        run.warn(fault)
    model = {
        "name": plan.facts.name,
        "device": str(adapter.device),
        "dtype": dtype_of(adapter),
        "weights": dict(adapter.weights()),
    }
    if directory is not None:
        directory.finish()
    record = manifest(
        run=run.id,
        seed=plan.settings.seed,
        clip=plan.final,
        model=model,
        plugins=participants_record(plan.loaded),
        regularizers=plan.attention.summary(plan.settings.steps).splitlines(),
        seconds=run.times(),
        warnings=run.warnings,
        metrics=decoded.metrics,
        written=directory.entries(decoded.artifacts) if directory is not None else {"artifacts": [], "files": []},
    )
    if directory is not None:
        directory.record(record)
    run.emit(events.RunEnd(run=run.id, seconds=run.passed, directory=directory.path if directory is not None else None))
    if late := observers.faults()[len(faults) :]:
        run.warnings.extend(late)
        record["warnings"] = list(run.warnings)
        if directory is not None:
            directory.record(record)
    return record


def _learn(run: Run, adapter: Adapter) -> None:
    """Keep what the run took, for the plans of later ones."""
    dtype = dtype_of(adapter)
    workload, calls = workload_of(run.plan, dtype)
    took = Experience(
        workload=workload,
        calls=calls,
        step_seconds=run.seconds["sample"] / evaluations(run.plan),
        decode_seconds=run.seconds["decode"],
        peak_bytes=peak_bytes() if run.alone else None,
    )
    remember(run.plan, str(adapter.device), dtype, took)


def _finish(plan: Plan, transforms: Transforms, clips: Clips, frames: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Frames that are decoded once more, for `Result.frames`."""
    with enough_memory(plan, "decode"):
        yield from clips.again(plan).finished(transforms, frames)
