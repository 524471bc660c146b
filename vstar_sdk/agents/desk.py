"""The runs that agents ask for: one session, a folder, and what is known of each run."""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.agents.watched import Watched
from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.belongings import MANIFEST
from vstar_sdk.runs.session import Session
from vstar_sdk.runs.unfinished import resumable
from vstar_sdk.spec.guard import Guard

if TYPE_CHECKING:
    from vstar_sdk.runs.job import Job

_NAME = re.compile(r"[0-9a-f]{8}")


class Desk:
    """Starts runs below a folder, and finds them again. Its methods may be called from any thread.

    Args:
        folder: of all runs; each gets a folder of its own.
        guard: what specs may reach; runs of the folder are added, so that stories can be worked on.
        max_models: loaded models that are kept.
    """

    def __init__(self, folder: Path, guard: Guard, *, max_models: int = 1) -> None:
        self.folder = folder.absolute()
        self.guard = guard.model_copy(update={"roots": (*guard.roots, self.folder.resolve()), "output": self.folder.resolve()})
        self.session = Session(max_models=max_models, guard=self.guard)
        self._runs: dict[str, Watched] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Interrupt what is under way; it can be resumed."""
        self.session.close(cancel=True)

    def start(self, spec: Mapping[str, Any]) -> str:
        """Put a run into the queue.

        Args:
            spec: of it.

        Returns:
            Its name.

        Raises:
            SpecError: the spec is wrong, or reaches what the guard does not allow.
        """
        name = secrets.token_hex(4)
        return self._noted(name, self.session.start(dict(spec), out=self.folder / name, previews=True))

    def resume(self, name: str) -> str:
        """Go on with a run that was interrupted.

        Raises:
            SpecError: there is no such run.
            OutputError: it was not interrupted.
        """
        return self._noted(name, self.session.resume(self.directory(name), previews=True))

    def watched(self, name: str) -> Watched | None:
        """A run of this process; None for one of an earlier process.

        Raises:
            SpecError: there is no such run.
        """
        self.directory(name)
        with self._lock:
            return self._runs.get(name)

    def directory(self, name: str) -> Path:
        """The directory of a run.

        Raises:
            SpecError: there is no such run.
        """
        with self._lock:
            known = name in self._runs
        if not known and (_NAME.fullmatch(name) is None or not (self.folder / name).is_dir()):
            raise SpecError(f"there is no run {printable(name)!r}", hint="use the name that run or redo returned")
        return self.folder / name

    def state(self, name: str) -> dict[str, Any]:
        """What is known of a run, as JSON data.

        Raises:
            SpecError: there is no such run.
        """
        directory = self.directory(name)
        if (watched := self.watched(name)) is not None and not watched.job.done:
            job = watched.job
            now = {"state": job.state, "progress": round(job.progress, 3), "position": job.position, "now": watched.words}
            return {"run": name, **now}
        if (directory / MANIFEST).is_file():
            return {"run": name, **_finished(directory)}
        if watched is not None:
            return {"run": name, "state": watched.job.state, "now": watched.words, "can_resume": resumable(directory)}
        return {"run": name, "state": "interrupted", "can_resume": resumable(directory)}

    def _noted(self, name: str, job: Job) -> str:
        with self._lock:
            self._runs[name] = Watched(job)
        return name


def _finished(directory: Path) -> dict[str, Any]:
    """What the manifest of a run says that an agent can use."""
    manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    kept = all(one["kept"] for one in manifest["expect"])
    return {
        "state": "done" if kept else "not as expected",
        "directory": str(directory),
        "artifacts": [one["path"] for one in manifest["artifacts"]],
        "clip": manifest["clip"],
        "seed": manifest["seed"],
        "seconds": manifest["seconds"]["total"],
        "metrics": manifest["metrics"],
        "expect": manifest["expect"],
        "warnings": manifest["warnings"],
    }
