"""One run under way: what it is of, and what it tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vstar_sdk import events
from vstar_sdk.errors import SpecError
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.runs.plan import Plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Run:
    """What every stage is given.

    Attributes:
        id: names the run.
        plan: what to do.
        transforms: the plugins that may change the run's values.
        emit: told every event.
        check: raises `RunCancelled` once the run is to end; called at every stage, step and frame.
        began: when, by `time.perf_counter`; for `vstar run`, when the program was started.
        seconds: that each finished stage took; ``start``: what came before the first.
        warnings: what the user should know, so far.
        previews: whether its steps show what the clip is going to be.
        alone: whether its process does nothing but this run.
        show: told of frames, and given them; None: `emit` is told, and nobody sees them.
    """

    id: str
    plan: Plan
    transforms: Transforms
    emit: Callable[[events.Event], None]
    check: Callable[[], None]
    began: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    warnings: list[str] = field(default_factory=list[str])
    previews: bool = False
    alone: bool = False
    show: Callable[[events.FramesDecoded, NDArray[np.uint8]], None] | None = None

    @property
    def passed(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.began

    def times(self) -> dict[str, float]:
        """Seconds of each stage, of the ``rest`` between and after them, and in ``total``: the others add up to it."""
        total = self.passed
        return self.seconds | {"rest": total - sum(self.seconds.values()), "total": total}

    @contextmanager
    def stage(self, stage: events.Stage) -> Generator[None]:
        """Open around the work of a stage.

        Raises:
            RunCancelled: the run is to end.
        """
        self.check()
        self.seconds.setdefault("start", self.passed)
        self.emit(events.StageStart(run=self.id, stage=stage))
        began = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - began

    def frame_done(self, frame: NDArray[np.uint8], done: int, total: int) -> None:
        """Tell of a frame that was written.

        Args:
            frame: ``(height, width, 3)``, RGB, uint8; observers can look at it, not change it.
            done: frames so far.
            total: frames of the clip.
        """
        event = events.FramesDecoded(run=self.id, done=done, total=total)
        if self.show is None:
            self.emit(event)
            return
        shown = frame[None]
        shown.flags.writeable = False
        self.show(event, shown)

    def warn(self, message: str) -> None:
        """Tell something that the user should know, and that does not end the run."""
        self.warnings.append(message)
        self.emit(events.Warned(run=self.id, message=message))

    @contextmanager
    def under(self, *prefix: str) -> Generator[None]:
        """Puts its place in the spec before what a room found only now.

        Raises:
            SpecError: the block's own, with file, line and path.
        """
        try:
            yield
        except SpecError as error:
            raise self.plan.loaded.error(error.under(*prefix)) from None
