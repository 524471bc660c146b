"""The executor ``local``: a process for each device, started again when it dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import IO

from vstar_sdk.errors import OutputError, VstarError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.sweeps.claims import CLAIM
from vstar_sdk.sweeps.local import LocalOptions
from vstar_sdk.sweeps.status import state_of

LOGS = "logs"
"""In a sweep directory: what each process said."""

_PATIENCE = 0.1
"""Seconds between two looks at the processes."""

_IDLE_DEATHS = 10
"""How often in succession a process may die without any cell being begun or ended meanwhile."""

_TAIL = 2000
"""Bytes of a log that an error shows."""


class Local:
    """A `vstar_sdk.Executor`.

    Args:
        options: validated.
    """

    def __init__(self, options: LocalOptions) -> None:
        self._options = options

    def run(self, sweep: Path, cells: Sequence[str]) -> None:
        """See `vstar_sdk.Executor.run`."""
        devices = self._options.devices or visible_devices()
        number = min(self._options.workers or max(1, len(devices)), max(1, len(cells)))
        pin = devices if self._options.devices or number > 1 else []
        workers = [
            _Worker(sweep, cells, slot, pin[slot % len(pin)] if pin else None, self._options.attempts) for slot in range(number)
        ]
        try:
            for worker in workers:
                worker.start()
            self._watch(workers, sweep, cells)
        finally:
            for worker in workers:
                worker.end()
            for worker in workers:
                worker.wait()

    def _watch(self, workers: Sequence[_Worker], sweep: Path, cells: Sequence[str]) -> None:
        """Start again what dies, until every process has ended by itself."""
        idle, trace = 0, _trace(sweep, cells)
        while any(worker.alive for worker in workers):
            time.sleep(_PATIENCE)
            for worker in workers:
                if not worker.died():
                    continue
                now = _trace(sweep, cells)
                idle, trace = (idle + 1 if now == trace else 0), now
                if idle >= _IDLE_DEATHS:
                    raise VstarError(
                        f"the processes of the sweep die at their start; the last output of one: {worker.tail()}",
                        hint=f"see {printable(str(worker.log))}",
                    )
                worker.start()


@dataclass
class _Worker:
    """One process, or the next one in its place."""

    sweep: Path
    cells: Sequence[str]
    slot: int
    device: str | None
    attempts: int
    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What it says."""
        return self.sweep / LOGS / f"worker-{self.slot + 1}.log"

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it.

        Raises:
            OutputError: its log cannot be written.
            VstarError: no process can be started.
        """
        environment = dict(os.environ)
        if self.device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = self.device
        command = [sys.executable, "-m", "vstar_sdk.sweeps.worker", str(self.sweep), "--attempts", str(self.attempts)]
        self._close()
        try:
            self.log.parent.mkdir(exist_ok=True)
            with self.log.open("ab") as log:
                # Apart from the terminal: its Ctrl-C is for the command, which ends this process at a step.
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True
                )
        except OSError as error:
            raise OutputError(f"{printable(str(self.log))}: no process can be started: {error.strerror}") from error
        with suppress(OSError):  # it died already
            self._input.write(" ".join(self.cells).encode() + b"\n")
            self._input.flush()

    def died(self) -> bool:
        """Whether it ended otherwise than by itself, having nothing more to do; told once."""
        if self._process is None or self._process.poll() is None:
            return False
        code, self._process = self._process.returncode, None
        return code != 0

    def end(self) -> None:
        """Have it end at its next step."""
        self._close()

    def wait(self) -> None:
        """Wait for its end; Ctrl-C now kills it."""
        if self._process is None:
            return
        try:
            self._process.wait()
        except BaseException:
            self._process.kill()
            raise

    def tail(self) -> str:
        """The end of what it said."""
        with suppress(OSError):
            return printable(self.log.read_bytes()[-_TAIL:].decode("utf-8", "replace").strip().rpartition("\n")[2])
        return ""

    @property
    def _input(self) -> IO[bytes]:
        assert self._process is not None  # noqa: S101
        assert self._process.stdin is not None  # noqa: S101
        return self._process.stdin

    def _close(self) -> None:
        if self._process is not None:
            with suppress(OSError):
                self._input.close()


def visible_devices() -> list[str]:
    """The GPUs of this machine, as CUDA_VISIBLE_DEVICES names them; found without torch, which would take seconds."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    return [str(number) for number in range(len(glob("/dev/nvidia[0-9]*")))]


def _trace(sweep: Path, cells: Sequence[str]) -> tuple[object, ...]:
    """What changes whenever a cell is begun or ended."""
    found: list[object] = []
    for cell in cells:
        folder = sweep / "cells" / cell
        with suppress(OSError):
            found.append((state_of(folder), os.stat(folder / CLAIM).st_size if (folder / CLAIM).exists() else 0))
    return tuple(found)
