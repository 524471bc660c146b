"""What a job is to do, and doing it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk import events
from vstar_sdk.errors import RunCancelled, RunPaused, StopRun
from vstar_sdk.plugin.observers import Observers
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.plan import Plan
from vstar_sdk.runs.result import Result
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.state import RunState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Order:
    """What a job is to do.

    Attributes:
        plan: of the run.
        run: its id.
        directory: where it writes; None for nowhere.
        state: what an earlier part of the run has made.
        until: steps after which it pauses.
        previews: whether its steps show what the clip is going to be.
        began: see `Session.start`.
    """

    plan: Plan
    run: str
    directory: Path | None
    state: RunState | None = None
    until: int | None = None
    previews: bool = False
    began: float | None = None


def carry_out(
    order: Order,
    models: Models,
    log: Callable[[events.Event], events.Event],
    check: Callable[[], None],
) -> Result:
    """Do it, in the session's thread.

    Args:
        order: the run.
        models: of the session.
        log: notes an event, and gives it back with its number.
        check: raises `RunCancelled` once the run is to end.

    Raises:
        VstarError: the run failed, was cancelled, or was paused.
    """
    plan, run, directory = order.plan, order.run, order.directory
    observers = Observers(plan.loaded.participants)

    def emit(event: events.Event) -> None:
        observers.tell(log(event))

    def show(event: events.FramesDecoded, frames: NDArray[np.uint8]) -> None:
        observers.tell(log(event), frames=frames)

    try:
        begun = Run(
            run,
            plan,
            Transforms(plan.loaded.participants),
            emit,
            check,
            began=time.perf_counter() if order.began is None else order.began,
            previews=order.previews,
            alone=order.began is not None and not models.names,
            show=show,
        )
        emit(events.RunStart(run=run, frames=plan.settings.frames, seed=plan.settings.seed, directory=directory))
        from vstar_sdk.runs.perform import perform  # here, because it brings numpy and exporters

        return perform(begun, models, observers, directory, order.state, until=order.until)
    except StopRun as stop:
        cancelled = RunCancelled(f"a plugin stopped the run: {stop}")
        emit(events.RunFailed(run=run, error=cancelled))
        raise cancelled from stop
    except RunPaused:
        raise
    except BaseException as error:
        emit(events.RunFailed(run=run, error=error))
        raise
