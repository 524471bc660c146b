"""The maps of a clip that a model generates: the run of a spec, with a recording."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from vstar_sdk import events
from vstar_sdk.analysis.maps import Maps, Where, found_in
from vstar_sdk.attention.recording import Recording
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.schedule import schedule_steps
from vstar_sdk.runs.stages.encode import encode
from vstar_sdk.runs.stages.load import load
from vstar_sdk.runs.stages.sample import sample
from vstar_sdk.runs.stages.synopsis import synopsis
from vstar_sdk.runs.state import RunState
from vstar_sdk.sampling.schedulers import timesteps_of


def generated(
    plan: Plan, where: Where, name: str, models: Models, emit: Callable[[events.Event], object] = lambda event: None
) -> Maps:
    """Sample a clip and record its attention on the way; nothing is decoded or written.

    Args:
        plan: of the run.
        where: what to record.
        name: of the clip.
        models: gives the loaded model.
        emit: told the run's events.

    Raises:
        SpecError: nothing can be recorded there.
        VstarError: whatever ended the run.
    """
    steps = schedule_steps(plan)
    step = where.step(steps)
    recording = Recording(where.sites(plan), [step], heads=True)

    def told(event: events.Event) -> None:
        emit(event)

    run = Run(uuid.uuid4().hex[:12], plan, Transforms(plan.loaded.participants), told, lambda: None)
    state = synopsis(run, RunState())
    adapter = load(run, models)
    state = encode(run, adapter, state)
    sample(run, adapter, state, recording=recording)
    timesteps = timesteps_of(plan.engine.scheduler.make(adapter.scheduler_config), plan.settings.steps, "cpu")
    return Maps(name, "generated", plan.facts.name, step, steps, float(timesteps[step]), found_in(recording.seen()))
