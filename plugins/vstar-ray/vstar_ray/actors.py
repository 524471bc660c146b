"""Rounds of actors: a worker that dies is replaced, and what it left is the next round's."""

# pyright: standard
from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from vstar_ray import ActorsOptions
from vstar_ray.work import Desk, Worker
from vstar_sdk import VstarError, sweep_status

_PATIENCE = 0.5
"""Seconds between two looks at the desk."""

_GRACE = 60.0
"""Seconds that workers have to end at a step, before they are killed."""

_IDLE_DEATHS = 5
"""How often in succession a worker may die without any cell being given out meanwhile."""

_STORE = 128 << 20
"""Bytes of the memory in which processes of a local cluster would share objects: cells share none."""

_TAIL = 400
"""Letters of what a worker died of, in an error."""


class Actors:
    """A `vstar_sdk.Executor`.

    Args:
        options: validated.
    """

    def __init__(self, options: ActorsOptions) -> None:
        self._options = options

    def run(self, sweep: Path, cells: Sequence[str]) -> None:
        """See `vstar_sdk.Executor.run`."""
        left, idle, last = list(cells), 0, None
        with _cluster(self._options):
            while left:
                said = _Round(self._options, sweep, left).do()
                status = sweep_status(sweep)
                wanted = set(cells)
                left = [cell for cell in status.left if cell in wanted and status.states[cell] != "running"]
                idle, last = (idle + 1 if status.states == last else 0), status.states
                if left and idle > self._options.attempts:
                    raise _in_vain(said)


def _in_vain(said: str | None) -> VstarError:
    return VstarError(
        f"the actors of the sweep die before they do anything; one said: {said or 'nothing'}",
        hint="are vstar-sdk, vstar-ray and the sweep directory on every machine of the cluster?",
    )


class _Round:
    """Every cell given out once."""

    def __init__(self, options: ActorsOptions, sweep: Path, cells: Sequence[str]) -> None:
        self._options, self._sweep = options, sweep
        self._number = min(options.workers, len(cells))
        self._gpus = options.gpus if options.gpus is not None else min(1.0, ray.cluster_resources().get("GPU", 0.0))
        kind: Any = Desk
        self._desk = kind.remote(list(cells))
        self._numbers = count()
        self._workers: dict[Any, tuple[int, Any]] = {}

    def do(self) -> str | None:
        """Until the desk is empty and all who took a cell have ended; what the last one said that died.

        Raises:
            VstarError: the cluster is gone, or workers die before they take a cell.
        """
        said: str | None = None
        try:
            for _ in range(self._number):
                self._start()
            deaths, before = 0, 0
            while self._workers:
                ended, _ = ray.wait(list(self._workers), num_returns=1, timeout=_PATIENCE)
                given, left, known = ray.get(self._desk.status.remote())
                for reference in ended:
                    self._workers.pop(reference)
                    try:
                        ray.get(reference)
                    except RayError as error:
                        said = " ".join(str(error).split())[-_TAIL:]
                        deaths, before = (deaths + 1 if given == before else 0), given
                        if deaths >= _IDLE_DEATHS:
                            raise _in_vain(said) from None
                        if left:
                            self._start()
                if not left:  # nobody waits for workers that the cluster has no room for
                    for reference, (number, worker) in list(self._workers.items()):
                        if number not in known:
                            del self._workers[reference]
                            ray.kill(worker)
            return said
        except RayError as error:
            words = " ".join(str(error).split())[-_TAIL:]
            raise VstarError(f"the cluster is gone: {words}", hint="the same command goes on with the sweep") from None
        finally:
            self._end()

    def _start(self) -> None:
        number = next(self._numbers)
        kind: Any = Worker
        worker = kind.options(num_cpus=self._options.cpus, num_gpus=self._gpus).remote(number)
        reference = worker.work.remote(str(self._sweep), self._desk, self._options.attempts)
        self._workers[reference] = number, worker

    def _end(self) -> None:
        """Have those that are at work end at their next step; a Ctrl-C now kills them."""
        with suppress(RayError):
            if self._workers:
                for _, worker in self._workers.values():
                    worker.end.remote()
                ray.wait(list(self._workers), num_returns=len(self._workers), timeout=_GRACE)
        for _, worker in self._workers.values():
            with suppress(RayError):
                ray.kill(worker)
        with suppress(RayError):
            ray.kill(self._desk)


@contextmanager
def _cluster(options: ActorsOptions) -> Generator[None]:
    """A connection to the cluster, unless the program has one; a cluster of its own where no address is given.

    Raises:
        VstarError: there is none at the address, or none can be started.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report how it is used
    own: dict[str, Any] = {
        "num_cpus": max(os.cpu_count() or 1, options.workers * options.cpus),
        "object_store_memory": _STORE,
        "include_dashboard": False,
    }
    where: dict[str, Any] = {"address": options.address} if options.address is not None else {"address": "local", **own}
    try:
        with _signals():
            ray.init(log_to_driver=False, configure_logging=False, **where)
    except (RayError, ConnectionError, OSError, RuntimeError, ValueError) as error:
        what = "can be started here" if options.address is None else f"answers at {options.address}"
        words = " ".join(str(error).split())[-_TAIL:]
        raise VstarError(f"no Ray cluster {what}: {words}", hint="check the option address of the executor") from None
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _signals() -> Generator[None]:
    """Keeps what the program does at a signal: Ray would end it at SIGTERM in its own way."""
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} if main else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
