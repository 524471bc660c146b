"""Trials: targets imported in child processes, several at a time, each within a limit."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from vstar_sdk.plugin import switches
from vstar_sdk.plugin.probe import child
from vstar_sdk.plugin.probe.target import Target

_PROGRAM = Path(child.__file__).absolute()
_AT_ONCE = max(2, min(8, os.cpu_count() or 1))
_GRACE = 10.0
"""Seconds after which a child is killed that did not end itself at its limit."""
_LOOK = 0.005
"""Seconds between two looks at the children."""
_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+) in ', re.MULTILINE)


def run(targets: Sequence[Target], seconds: float) -> list[str | None]:
    """Import targets in child processes.

    What they print is dropped. A child that still runs when this is interrupted is killed.

    Args:
        targets: what to import.
        seconds: that each import may take.

    Returns:
        For each, what its import does to the process; None when it comes back, even with an error.

    Raises:
        OSError: a child cannot be started.
    """
    faults: dict[int, str | None] = {}
    waiting = list(range(len(targets)))
    running: dict[int, _Child] = {}
    with tempfile.TemporaryDirectory(prefix="vstar-probe-", ignore_cleanup_errors=True) as folder:
        try:
            while waiting or running:
                while waiting and len(running) < _AT_ONCE:
                    index = waiting.pop(0)
                    running[index] = _Child(targets[index], Path(folder) / str(index), seconds)
                for index, one in list(running.items()):
                    if one.ended():
                        faults[index] = running.pop(index).fault()
                time.sleep(_LOOK)
        finally:
            for one in running.values():
                one.kill()
    return [faults[index] for index in range(len(targets))]


class _Child:
    """One child process, and the report that it writes."""

    def __init__(self, target: Target, report: Path, seconds: float) -> None:
        self._target, self._report, self._seconds = target, report, seconds
        request = report.with_suffix(".json")
        asked = {"target": target.value, "path": [str(path) for path in sys.path], "seconds": seconds, "report": str(report)}
        request.write_text(json.dumps(asked), encoding="utf-8")
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM), str(request)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, switches.PROBING: "1"},
            start_new_session=True,  # its own children are killed with it, and no terminal reaches it
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    def ended(self) -> bool:
        """Whether it is done; one that is long past its limit is killed."""
        if self._process.poll() is None and time.monotonic() - self._began > self._seconds + _GRACE:
            self.kill()
        return self._process.returncode is not None

    def kill(self) -> None:
        """End it and what it started."""
        try:
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        except ProcessLookupError:
            pass
        self._process.wait()

    def fault(self) -> str | None:
        """What the import did to the process."""
        report = self._report.read_text(encoding="utf-8", errors="replace") if self._report.exists() else ""
        if report.endswith(f"\n{child.SURVIVED}\n"):
            return None
        where = _place(report, self._target)
        if report.startswith("Timeout (") or time.monotonic() - self._began > self._seconds + _GRACE:
            return f"the import does not end within {self._seconds:g} s{where}"
        return f"the import ends the process, {_how(self._process.returncode)}{where}"


def _how(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


def _place(report: str, target: Target) -> str:
    """Where the thread that imports stands: the innermost line that is in the plugin's own files."""
    for thread in report.split("\n\n"):
        frames = [(found["file"], found["line"]) for found in _FRAME.finditer(thread)]
        if any(Path(file) == _PROGRAM for file, _ in frames):
            own = [frame for frame in frames if any(Path(frame[0]).is_relative_to(root) for root in target.roots)]
            return f" (it is at {own[0][0]}, line {own[0][1]})" if own else ""
    return ""
