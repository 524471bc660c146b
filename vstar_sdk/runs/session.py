"""A session: models kept warm over many runs, which take turns."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vstar_sdk.errors import OutputError
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.naming import check_named
from vstar_sdk.runs.order import Order, carry_out
from vstar_sdk.runs.plan import Plan, make_plan
from vstar_sdk.runs.queue import Queue, closed_error
from vstar_sdk.runs.result import Result
from vstar_sdk.runs.unfinished import read_unfinished
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.loading import LoadedSpec, load_spec
from vstar_sdk.spec.run_spec import RunSpec

if TYPE_CHECKING:
    pass

Source = str | Path | Mapping[str, Any] | RunSpec | LoadedSpec | Plan
"""A spec in any form: a file's path, a mapping, a validated spec, or a plan made of it."""


class Session:
    """Holds loaded models over many runs; its runs take turns.

    ::

        with Session() as session:
            for seed in range(4):
                result = session.run({"prompt": "a volcano wakes up", "seed": seed})

    Args:
        max_models: how many loaded models are kept at once; the one that was used least recently goes first. None: no limit.
        guard: what the specs of its runs may reach, and where they may write, where they are the specs of strangers.
    """

    def __init__(self, *, max_models: int | None = None, guard: Guard | None = None) -> None:
        if max_models is not None and max_models < 1:
            raise ValueError(f"max_models {max_models}: a session needs at least 1")
        self._models = Models(max_models)
        self._guard = guard
        self._queue = Queue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close; where the block raised, its runs are cancelled first."""
        self.close(cancel=kind is not None)

    @property
    def models(self) -> tuple[str, ...]:
        """The names, as in ``use``, of the models in memory; the one used last comes last."""
        return self._models.names

    def close(self, *, cancel: bool = False) -> None:
        """Take no more runs, wait for those that were started, and let go of all models.

        Args:
            cancel: the runs; those that wait end at once, and the one under way at its next step.
        """
        self._queue.close()
        for job in self._queue.jobs() if cancel else ():
            job.cancel()
        self._queue.wait()
        self._models.close()

    def unload(self, model: str | None = None) -> None:
        """Let go of a loaded model; a run that needs it loads it again. One that is at work keeps it until it ends.

        Args:
            model: its name, as in ``use``; None lets go of every model.
        """
        self._models.unload(model)

    def plan(self, source: Source, *, plugins: Iterable[object] = ()) -> Plan:
        """Decide and check a run, without loading a model; `run` and `start` take the plan in place of the spec.

        Args:
            source: see `run`.
            plugins: see `run`.

        Raises:
            SpecError: the spec is wrong.
            PluginError: a plugin is absent or breaks the contract.
            VstarError: the session is closed.
        """
        if self._queue.closed:
            raise closed_error()
        return _plan(source, plugins, self._guard)

    def run(self, source: Source, *, out: str | Path | None = None, plugins: Iterable[object] = ()) -> Result:
        """Make a video and wait for it.

        Args:
            source: the spec.
            out: the run directory; None keeps everything in memory, and no file is written.
            plugins: take part besides the spec's, after them: objects with hook implementations (their parts can be named
                by the spec, as ``namespace/part``), and names of installed plugins.

        Raises:
            SpecError: the spec is wrong.
            VstarError: the run failed, or the session is closed.
        """
        job = self.start(source, out=out, plugins=plugins)
        try:
            return job.result()
        except BaseException:
            job.cancel()  # a notebook's stop button, say: the run must not go on behind it
            raise
        finally:
            del job  # it holds the error, whose traceback holds this frame

    async def run_async(self, source: Source, *, out: str | Path | None = None, plugins: Iterable[object] = ()) -> Result:
        """As `run`, for a program with an event loop, which goes on meanwhile; if the waiting is cancelled, so is the run.

        Args:
            source: see `run`.
            out: see `run`.
            plugins: see `run`.

        Raises:
            SpecError: the spec is wrong.
            VstarError: the run failed, or the session is closed.
        """
        import asyncio

        job = await asyncio.to_thread(self.start, source, out=out, plugins=plugins)
        try:
            return await job
        except BaseException:
            job.cancel()
            raise
        finally:
            del job  # as in `run`

    def resume(
        self,
        directory: str | Path,
        *,
        plugins: Iterable[object] = (),
        pause_after: int | None = None,
        previews: bool = False,
    ) -> Job:
        """Put a run that was interrupted at the end of the queue: it continues from its last state, to the same bytes.

        Args:
            directory: its run directory.
            plugins: the objects that were passed to it when it began.
            pause_after: see `start`.
            previews: see `start`.

        Raises:
            OutputError: no run was interrupted there, or it was begun with other versions.
            SpecError: its spec was changed meanwhile.
            SamplerError: its state is damaged.
            VstarError: the session is closed.
        """
        check_named(directory)
        if self._guard is not None:
            self._guard.check_output(Path(directory))
        found = read_unfinished(Path(directory), plugins, self._guard)
        return self._queued(Order(self.plan(found.loaded), found.run, Path(directory), found.state, pause_after, previews))

    def start(
        self,
        source: Source,
        *,
        out: str | Path | None = None,
        plugins: Iterable[object] = (),
        pause_after: int | None = None,
        previews: bool = False,
        began: float | None = None,
    ) -> Job:
        """Put a run at the end of the session's queue. The spec is validated here, before it is queued.

        Args:
            source: see `run`.
            out: see `run`.
            plugins: see `run`.
            pause_after: steps after which the run stops; `resume` goes on. It needs a directory. None: it does not stop.
            previews: let the event of every step show what the clip is going to be; see `vstar_sdk.events.Step`.
            began: since when its time counts, by `time.perf_counter`, for a program that does nothing but this run; None: since
                its turn came.

        Raises:
            SpecError: the spec is wrong.
            PluginError: a plugin is absent or breaks the contract.
            OutputError: ``out`` is empty, or the guard does not allow it.
            VstarError: the session is closed.
        """
        if out is not None:
            check_named(out)
        if out is None and pause_after is not None:
            raise OutputError("a run without a directory cannot be paused", hint="give it a directory: out=...")
        plan = self.plan(source, plugins=plugins)
        if plan.loaded.guard is not None:
            plan.loaded.guard.check_output(Path(out) if out is not None else None)
        return self._queued(
            Order(
                plan,
                uuid.uuid4().hex[:12],
                Path(out) if out is not None else None,
                until=pause_after,
                previews=previews,
                began=began,
            )
        )

    def _queued(self, order: Order) -> Job:
        return Job(order.run, partial(carry_out, order, self._models), self._queue)


def _plan(source: Source, plugins: Iterable[object], guard: Guard | None) -> Plan:
    """The plan of a spec in any form; what is loaded or planned already is so again where plugins or the guard are new to it."""
    plugins = plugins if isinstance(plugins, str) else tuple(plugins)  # a text is not a list of names: `load_spec` refuses it
    if isinstance(source, Plan):
        joined = source.loaded.joined(plugins, guard)
        return source if joined is source.loaded else make_plan(joined)
    if isinstance(source, LoadedSpec):
        return make_plan(source.joined(plugins, guard))
    return make_plan(load_spec(source, plugins=plugins, guard=guard))


def run(source: Source, *, out: str | Path | None = None, plugins: Iterable[object] = ()) -> Result:
    """Make one video and wait for it; see `Session.run`. Its model stays in memory as long as the result does."""
    session = Session()
    try:
        return session.run(source, out=out, plugins=plugins)
    except BaseException:
        session.close(cancel=True)
        raise


def start(
    source: Source,
    *,
    out: str | Path | None = None,
    plugins: Iterable[object] = (),
    pause_after: int | None = None,
    previews: bool = False,
    began: float | None = None,
) -> Job:
    """Begin one run in a thread of its own; see `Session.start`."""
    return Session().start(source, out=out, plugins=plugins, pause_after=pause_after, previews=previews, began=began)


def resume(
    directory: str | Path, *, plugins: Iterable[object] = (), pause_after: int | None = None, previews: bool = False
) -> Job:
    """Go on with a run that was interrupted, in a thread of its own; see `Session.resume`."""
    return Session().resume(directory, plugins=plugins, pause_after=pause_after, previews=previews)
