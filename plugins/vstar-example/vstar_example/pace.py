"""An observer: logs how long a run's slowest step took. ``vstar -v run story.yaml -p example`` shows it.

Runs of one session may follow each other, so what is remembered is kept by the run's id, and forgotten at its end.
"""

from __future__ import annotations

import logging
from itertools import pairwise

from vstar_sdk import hookimpl
from vstar_sdk.events import RunEnd, RunFailed, Step

_log = logging.getLogger(__name__)
_seconds: dict[str, list[float]] = {}
"""When each step was done, by the run's id."""


@hookimpl
def on_step(event: Step) -> None:
    """Remember when a step was done."""
    _seconds.setdefault(event.run, []).append(event.seconds)


@hookimpl
def on_run_end(event: RunEnd) -> None:
    """Name the slowest step."""
    done = [0.0, *_seconds.pop(event.run, [])]
    took = [after - before for before, after in pairwise(done)]
    if took:
        slowest = max(range(len(took)), key=took.__getitem__)
        _log.info("step %d of %d was the slowest: %.2f s", slowest + 1, len(took), took[slowest])


@hookimpl
def on_run_error(event: RunFailed) -> None:
    """Forget the run."""
    _seconds.pop(event.run, None)
