"""A run from beginning to end: synopsis -> timeline -> load -> encode -> sample -> decode -> finish -> export -> expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk import events
from vstar_sdk.errors import OutputError, RunPaused, SpecError
from vstar_sdk.plugin.boundary.calls import dotted
from vstar_sdk.plugin.observers import Observers
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.ahead import imports_ahead
from vstar_sdk.runs.clips import Clips
from vstar_sdk.runs.directory import RunDirectory
from vstar_sdk.runs.experience import Experience, remember, workload_of
from vstar_sdk.runs.exporters import exporters
from vstar_sdk.runs.manifest import manifest, synopsis_record, told
from vstar_sdk.runs.memory import enough_memory
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.participants import participants_record
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.process import peak_bytes
from vstar_sdk.runs.resolving import pinned, resolve
from vstar_sdk.runs.result import Result
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.saved import Saved
from vstar_sdk.runs.schedule import evaluations
from vstar_sdk.runs.stages.decode import Decoded, decode
from vstar_sdk.runs.stages.expect import check_kept, expect
from vstar_sdk.runs.stages.load import accelerator_of, dtype_of, load
from vstar_sdk.runs.stages.synopsis import synopsis
from vstar_sdk.runs.state import RunState, made
from vstar_sdk.runs.story import Story, synopsis_data
from vstar_sdk.spec.expectations import Verdict
from vstar_sdk.spec.writing import to_yaml

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.contract import Adapter
    from vstar_sdk.output.contract import Clip


def perform(
    run: Run,
    models: Models,
    observers: Observers,
    folder: Path | None,
    state: RunState | None = None,
    *,
    until: int | None = None,
) -> Result:
    """Do a run.

    Args:
        run: just begun.
        models: gives the loaded model.
        observers: the plugins that watch; asked for their faults at the end.
        folder: the run directory; None keeps the run in memory.
        state: what an earlier part of the same run has made; its stages pass over that.
        until: steps after which to pause; None goes on to the end.

    Raises:
        RunPaused: it was paused.
        ExpectationError: it is done, and not as the spec expects.
        VstarError: whatever ended it; files that were being written are gone.
    """
    directory, saved = (RunDirectory(folder), Saved(folder)) if folder is not None else (None, None)
    done = False
    try:
        if directory is not None:
            directory.check(exporters(run.plan.loaded), latents=run.plan.spec.latents)
            _not_itself(run.plan, directory.path)
        if saved is not None:
            saved.check(resumed=state is not None)
        steps = evaluations(run.plan)  # an unfit scheduler ends the run before a language model is paid and a model is loaded
        if until is not None and not (done_before := state.sampler.done if state and state.sampler else 0) < until < steps:
            raise SpecError(f"the run cannot pause after step {until}: it goes from {done_before} to {steps}")
        if directory is not None:
            directory.claim()
            run = replace(run, check=_both(run.check, directory.still_there))
        if saved is not None:
            saved.go_on() if state is not None else saved.begin(run.id, run.plan.loaded, pinned(run.plan))
        result = _perform(run, models, observers, directory, saved, state or RunState(), until)
        done = True
    finally:
        if saved is not None and saved.held and (done or not saved.worth):
            saved.remove()
        if directory is not None:
            directory.leave(failed=not done)
    check_kept(result)
    return result


def _both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        first()
        second()

    return both


def _perform(
    run: Run,
    models: Models,
    observers: Observers,
    directory: RunDirectory | None,
    saved: Saved | None,
    state: RunState,
    until: int | None,
) -> Result:
    plan, whole = run.plan, state.sampler is None and state.latents is None
    with imports_ahead(plan):
        state = synopsis(run, state)
    if saved is not None and not plan.writer.offline:
        saved.keep(RunState(story=state.story))
    adapter = load(run, models)
    from vstar_sdk.runs.stages.encode import encode  # here, because these bring torch, which the load stage counts
    from vstar_sdk.runs.stages.sample import sample
    from vstar_sdk.sampling.tensor_file import tensor_bytes

    story = made(state.story)
    resolved = resolve(plan, story, dtype_of(adapter), directory.path if directory is not None else None)
    clips = Clips.of(plan, story, to_yaml(resolved))
    if directory is not None:
        directory.begin(clips.final.spec, synopsis_data(story))
    if saved is not None:
        saved.keep_resolved(clips.final.spec)
    state = encode(run, adapter, state)
    palette = models.palette(adapter) if run.previews else None
    state = sample(run, adapter, state, until=until, saved=saved, palette=palette)
    if state.sampler is not None:
        raise _paused(run, adapter, saved, state, clips.decoded)
    if saved is not None:
        saved.keep_latents(made(state.latents), state.maps)
    decoded = decode(run, adapter, state, clips, directory)
    if directory is not None and plan.spec.latents:
        directory.write_latents(tensor_bytes({"latents": made(state.latents)}))
    if directory is not None and whole:
        _learn(run, adapter)
    verdicts = expect(run, decoded.metrics)
    return Result(
        id=run.id,
        spec=resolved,
        synopsis=story.synopsis,
        timeline=story.timeline,
        latents=made(state.latents),
        directory=directory.path if directory is not None else None,
        artifacts=decoded.artifacts,
        manifest=_end(run, adapter, observers, directory, story, clips.final, decoded, verdicts),
        warnings=tuple(run.warnings),
        load=partial(models.get, plan),
        finish=partial(_finish, plan, run.transforms, clips),
    )


def _not_itself(plan: Plan, directory: Path) -> None:
    """Refuse to write a run over the one that it continues from.

    Raises:
        OutputError: it would be.
    """
    if plan.kept is not None and plan.kept.parent.directory.resolve() == directory.resolve():
        shown = printable(str(directory))
        raise OutputError(f"{shown} holds the run that this one keeps frames of", hint="choose another run directory with --out")


def _paused(run: Run, adapter: Adapter, saved: Saved | None, state: RunState, clip: Clip) -> RunPaused:
    """Keep the state of a run that is to pause, and show what the clip is going to be."""
    if saved is None:
        raise ValueError("a run without a directory cannot be paused: give it a directory")
    sampler, directory = made(state.sampler), saved.path.parent
    saved.keep_sampler(lambda: sampler)
    saved.pause()
    preview = None
    if state.expected is not None:
        with enough_memory(run.plan, "decode"):
            preview = saved.keep_preview(adapter.decode(state.expected), clip)
    run.emit(events.Paused(run=run.id, step=sampler.done, directory=directory, preview=preview))
    return RunPaused(
        f"the run is paused after step {sampler.done}", hint=f"continue with: vstar resume {printable(str(directory))}"
    )


def _end(
    run: Run,
    adapter: Adapter,
    observers: Observers,
    directory: RunDirectory | None,
    story: Story,
    clip: Clip,
    decoded: Decoded,
    verdicts: Sequence[Verdict],
) -> dict[str, Any]:
    """Write the manifest, tell the end, and return the manifest with what observers did wrong until then.

    The end of a run that is not as expected is told as that of one that failed.
    """
    plan = run.plan
    for fault in (faults := observers.faults()):
        run.warn(fault)
    model = {
        "name": plan.facts.name,
        "device": str(adapter.device),
        "accelerator": accelerator_of(adapter),
        "dtype": dtype_of(adapter),
        "weights": dict(adapter.weights()),
    }
    if directory is not None:
        directory.finish()
    record = manifest(
        run=run.id,
        parent=plan.kept.parent.run if plan.kept is not None else None,
        start=plan.beginning.record() if plan.beginning is not None else (),
        seed=plan.settings.seed,
        clip=clip,
        sound=clip.sound,
        frames_sha256=decoded.sha256,
        synopsis=synopsis_record(plan.spec.synopsis.part, story.written.transcript),
        model=model,
        plugins=participants_record(plan.loaded),
        regularizers=plan.attention.summary(plan.settings.steps).splitlines(),
        seconds=run.times(),
        warnings=run.warnings,
        metrics=decoded.metrics,
        expect=[one.json() for one in verdicts],
        defaults=[dotted(path) for path in plan.loaded.document.defaults],
        written=directory.entries(decoded.artifacts) if directory is not None else {"artifacts": [], "files": []},
    )
    if directory is not None:
        directory.record(record)
    if all(one.kept for one in verdicts):
        run.emit(events.RunEnd(run=run.id, seconds=run.passed, directory=directory.path if directory is not None else None))
    if late := observers.faults()[len(faults) :]:
        run.warnings.extend(late)
        record["warnings"] = told(run.warnings)
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
