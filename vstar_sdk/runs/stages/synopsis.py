"""The stage ``synopsis``: from the prompt to key states on the frames."""

from __future__ import annotations

from dataclasses import replace

from vstar_sdk import events
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.state import RunState


def synopsis(run: Run, state: RunState) -> RunState:
    """Have the story told, unless it has been.

    Raises:
        SpecError: the prompt cannot be read, or the states do not fit.
        BackendError: a language model gave nothing usable.
    """
    with run.stage("synopsis"):
        story = state.story or run.plan.tell_story()
        run.emit(events.SynopsisReady(run=run.id, synopsis=story.synopsis, timeline=story.timeline))
        for warning in run.plan.warnings(story):
            run.warn(warning)
    return replace(state, story=story)
