"""What happens during a run, as frozen dataclasses.

`Job.events()` yields these objects and the ``on_*`` hooks receive the same ones. They can be pickled, and `Event.json` is what
``vstar run --json`` prints. A later version may add fields, never remove one.
"""

from __future__ import annotations

import dataclasses
import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from vstar_sdk.errors import VstarError, error_json, exit_code_of, hint_of, message_of

if TYPE_CHECKING:
    from vstar_sdk.previews import Preview
    from vstar_sdk.synopses import Synopsis
    from vstar_sdk.timeline import Timeline

Stage = Literal["synopsis", "load", "encode", "sample", "decode", "expect"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """The base of all events.

    Attributes:
        run: the run's id.
        number: its place in the log of the run, from 0; `Job.events` can begin at any.
        time: when it happened, in seconds since 1970 (UTC).
    """

    kind: ClassVar[str] = "event"
    hook: ClassVar[str | None] = None
    """The hook that is given it, where that is not ``on_<kind>``."""
    run: str
    number: int = 0
    time: float = field(default_factory=time.time)

    def json(self) -> dict[str, Any]:
        """The event as JSON data, its ``kind`` first.

        Paths become texts; an error becomes a mapping of ``type``, ``message``, ``hint`` and ``exit_code``.
        """
        shown = [item.name for item in dataclasses.fields(self) if item.metadata.get("json", True)]
        return {"kind": self.kind} | {name: plain(getattr(self, name)) for name in shown}


@dataclass(frozen=True, kw_only=True)
class Queued(Event):
    """The run waits for its turn; it comes only where other runs of the session are before it."""

    kind: ClassVar[str] = "queued"
    position: int
    """How many are before it."""


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
    preview: Preview | None = field(default=None, repr=False, compare=False, metadata={"json": False})
    """What the clip is going to be, where the run was started with ``previews`` and its scheduler can tell; not in JSON.

    Who reads the events again later finds it in the latest step alone."""


@dataclass(frozen=True, kw_only=True)
class FramesDecoded(Event):
    """Some frames have left the decoder, and what is behind it, and were measured and written."""

    kind: ClassVar[str] = "decoded"
    hook: ClassVar[str | None] = "on_frames"
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Measured(Event):
    """A metric has seen all frames."""

    kind: ClassVar[str] = "metric"
    metric: str
    """As in ``use``."""
    numbers: Mapping[str, float]
    """What it measured, by the names that the manifest has."""


@dataclass(frozen=True, kw_only=True)
class Expected(Event):
    """A number was compared with what the spec expects; the artifacts are in their places."""

    kind: ClassVar[str] = "expect"
    name: str
    """Of the number, as in the manifest."""
    measured: float
    expect: str
    """In words: ``order >= 0.9``, ``frozen is false``."""
    kept: bool
    """Whether it is so. Where it is not, the run fails once all are compared."""


@dataclass(frozen=True, kw_only=True)
class Artifact(Event):
    """A file or folder is complete."""

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
class Paused(Event):
    """The run has stopped where it was asked to; it can be resumed from its directory."""

    kind: ClassVar[str] = "paused"
    step: int
    """The last that is done, from 1."""
    directory: Path
    preview: Path | None = None
    """A contact sheet of what the clip is going to be; None where the scheduler cannot tell."""


@dataclass(frozen=True, kw_only=True)
class RunFailed(Event):
    """The run ended by an error or a cancel."""

    kind: ClassVar[str] = "run_error"
    error: BaseException

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the error as what it is where that can be, else as a `VstarError` with its message, hint and exit code."""
        return _failed, (self.run, self.number, self.time, _portable(self.error))


def plain(value: Any) -> Any:
    """JSON data of a value: paths as texts, dataclasses as mappings, errors as `vstar_sdk.errors.error_json` has them."""
    if isinstance(value, BaseException):
        return error_json(value)
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast(list[Any], value)]
    return value


def _portable(error: BaseException) -> BaseException:
    """The error, or one like it where it cannot be pickled (it holds a socket, say, or is made from other arguments)."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    except Exception:
        like = VstarError(message_of(error), hint=hint_of(error))
        like.exit_code = exit_code_of(error)  # pyright: ignore[reportAttributeAccessIssue]
        return like
    return error


def _failed(run: str, number: int, time: float, error: BaseException) -> RunFailed:
    return RunFailed(run=run, number=number, time=time, error=error)
