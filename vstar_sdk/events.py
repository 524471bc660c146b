"""What happens during a run, as frozen dataclasses.

`Job.events()` yields these objects and the ``on_*`` hooks receive the same ones. A later version may add
fields, never remove one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from vstar_sdk.synopses import Synopsis
    from vstar_sdk.timeline import Timeline

Stage = Literal["synopsis", "load", "encode", "sample", "decode"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """The base of all events.

    Attributes:
        run: the run's id.
    """

    kind: ClassVar[str] = "event"
    run: str


@dataclass(frozen=True, kw_only=True)
class RunStart(Event):
    """The spec is valid and the run begins."""

    kind: ClassVar[str] = "run_start"
    frames: int
    seed: int
    directory: Path | None
    """Where artifacts go; None when the run stays in memory."""


@dataclass(frozen=True, kw_only=True)
class StageStart(Event):
    """A stage of the run begins."""

    kind: ClassVar[str] = "stage"
    stage: Stage


@dataclass(frozen=True, kw_only=True)
class SynopsisReady(Event):
    """The key states are written and placed."""

    kind: ClassVar[str] = "synopsis"
    synopsis: Synopsis
    timeline: Timeline


@dataclass(frozen=True, kw_only=True)
class ModelLoaded(Event):
    """The video model is in memory."""

    kind: ClassVar[str] = "model_loaded"
    model: str
    device: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Step(Event):
    """A denoising step is done."""

    kind: ClassVar[str] = "step"
    step: int
    """From 1."""
    steps: int
    timestep: float
    seconds: float
    """Since sampling began."""
    eta: float
    """Seconds that the remaining steps will take at the pace so far."""


@dataclass(frozen=True, kw_only=True)
class FramesDecoded(Event):
    """Some frames have left the decoder."""

    kind: ClassVar[str] = "decoded"
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Artifact(Event):
    """A file, or a folder, is whole and in its place."""

    kind: ClassVar[str] = "artifact"
    exporter: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Warned(Event):
    """Something that the user should know, and that does not end the run."""

    kind: ClassVar[str] = "warning"
    message: str


@dataclass(frozen=True, kw_only=True)
class RunEnd(Event):
    """The run is done and its artifacts are whole."""

    kind: ClassVar[str] = "run_end"
    seconds: float
    directory: Path | None


@dataclass(frozen=True, kw_only=True)
class RunFailed(Event):
    """The run ended by an error or a cancel."""

    kind: ClassVar[str] = "run_error"
    error: BaseException
