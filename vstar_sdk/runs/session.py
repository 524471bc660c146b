"""A session: models kept warm over many runs."""

from __future__ import annotations

import gc
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vstar_sdk import events
from vstar_sdk.errors import RunCancelled, StopRun
from vstar_sdk.options import ModelOptions
from vstar_sdk.plugin.observers import Observers
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.plan import Plan, make_plan
from vstar_sdk.runs.result import Result
from vstar_sdk.spec.loading import LoadedSpec, load_spec
from vstar_sdk.spec.run_spec import RunSpec

if TYPE_CHECKING:
    from vstar_sdk.models.contract import Adapter

Source = str | Path | Mapping[str, Any] | RunSpec | LoadedSpec | Plan
"""A spec in any form: a file's path, a mapping, a validated spec, or a plan made of it."""


class Session:
    """Holds loaded models over many runs; its runs take turns.

    ::

        with Session() as session:
            for seed in range(4):
                result = session.run({"prompt": "a volcano wakes up", "seed": seed})
    """

    def __init__(self) -> None:
        self._adapters: dict[str, tuple[str, Adapter]] = {}
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all models, once a run that is under way has ended."""
        with self._turn:
            self._adapters.clear()

    def run(self, source: Source, *, out: str | Path | None = None, plugins: Iterable[object] = ()) -> Result:
        """Make a video and wait for it.

        Args:
            source: the spec.
            out: the run directory; None keeps everything in memory, and no file is written.
            plugins: take part besides the spec's, after them: objects with hook implementations (their parts can be named
                by the spec, as ``namespace/part``), and names of installed plugins.

        Raises:
            SpecError: the spec is wrong.
            VstarError: the run failed.
        """
        job = self.start(source, out=out, plugins=plugins)
        try:
            return job.result()
        except BaseException:
            job.cancel()  # a notebook's stop button, say: the run must not go on behind it
            raise
        finally:
            del job  # it holds the error, whose traceback holds this frame

    def start(self, source: Source, *, out: str | Path | None = None, plugins: Iterable[object] = ()) -> Job:
        """Begin a run in a thread of its own. The spec is validated here, before the thread begins.

        Args:
            source: see `run`.
            out: see `run`.
            plugins: see `run`.

        Raises:
            SpecError: the spec is wrong.
            PluginError: a plugin is absent or breaks the contract.
        """
        plan = _plan(source, tuple(plugins))
        observers = Observers(plan.loaded.participants)
        directory = Path(out) if out is not None else None
        run = uuid.uuid4().hex[:12]

        def work(put: Callable[[events.Event], None], check: Callable[[], None]) -> Result:
            return self._work(plan, run, directory, observers, put, check)

        return Job(work, run)

    def _work(
        self,
        plan: Plan,
        run: str,
        directory: Path | None,
        observers: Observers,
        put: Callable[[events.Event], None],
        check: Callable[[], None],
    ) -> Result:
        from vstar_sdk.runs.flow import Flow  # here, because it brings torch

        def emit(event: events.Event) -> None:
            put(event)
            observers.tell(event)

        try:
            with self._turn:
                transforms = Transforms(plan.loaded.participants)
                return Flow(plan, run, lambda: self._adapter(plan), directory, transforms, observers, emit, check).perform()
        except StopRun as stop:
            cancelled = RunCancelled(f"a plugin stopped the run: {stop}")
            emit(events.RunFailed(run=run, error=cancelled))
            raise cancelled from stop
        except BaseException as error:
            emit(events.RunFailed(run=run, error=error))
            raise

    def _adapter(self, plan: Plan) -> Adapter:
        """The plan's model, loaded once for the same options.

        A model that was loaded with other options of memory and speed is let go first: there may be no room for both.
        """
        from vstar_sdk.weights.devices import resolve_device, resolve_dtype

        options: Any = plan.spec.model
        device = resolve_device(plan.loaded.catalog.resolver.device(getattr(options, "device", "auto")))
        dtype = resolve_dtype(getattr(options, "dtype", "auto"), device)
        single: set[str] = {*getattr(options, "ONE_AT_A_TIME", ModelOptions.ONE_AT_A_TIME)}
        model = options.model_dump_json(exclude=single)
        how = options.model_dump_json(include=single - {"device", "dtype"}) + device + dtype
        loaded_how, adapter = self._adapters.get(model, ("", None))
        if adapter is None or loaded_how != how:
            if self._adapters.pop(model, None) is not None:
                del adapter
                _free()
            adapter = plan.source.load(device, dtype)
            self._adapters[model] = (how, adapter)
        return adapter


def _free() -> None:
    """Free the memory of a model that was let go: a compiled network is part of a cycle, and the device keeps what it had."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _plan(source: Source, plugins: tuple[object, ...]) -> Plan:
    """The plan of a spec in any form; what is loaded or planned already is so again when more plugins are to take part."""
    if isinstance(source, Plan):
        return make_plan(source.loaded.joined(plugins)) if plugins else source
    return make_plan(source.joined(plugins) if isinstance(source, LoadedSpec) else load_spec(source, plugins=plugins))


def run(source: Source, *, out: str | Path | None = None, plugins: Iterable[object] = ()) -> Result:
    """Make one video and wait for it; see `Session.run`."""
    with Session() as session:
        return session.run(source, out=out, plugins=plugins)


def start(source: Source, *, out: str | Path | None = None, plugins: Iterable[object] = ()) -> Job:
    """Begin one run in a thread of its own; see `Session.start`."""
    return Session().start(source, out=out, plugins=plugins)
