"""Doing cells: the one function that every process of an executor calls."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from vstar_sdk import events
from vstar_sdk.errors import ExpectationError, OutputError, RunCancelled, SamplerError, SpecError, VstarError, error_json
from vstar_sdk.output.locks import held
from vstar_sdk.runs.belongings import MANIFEST, STATE
from vstar_sdk.runs.job import Job
from vstar_sdk.runs.journal import JOURNAL, Journal
from vstar_sdk.runs.leftovers import release
from vstar_sdk.runs.leftovers import sweep as sweep_drafts
from vstar_sdk.runs.saved import Saved
from vstar_sdk.runs.session import Session
from vstar_sdk.runs.unfinished import resumable
from vstar_sdk.spec.loading import SpecLoader
from vstar_sdk.sweeps.claims import CLAIM, Claim
from vstar_sdk.sweeps.index import Cell, Sweep
from vstar_sdk.sweeps.status import ERROR, Failed, unexpected

_log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Attempts for a cell whose process dies without progress."""


class Interrupted(Exception):
    """Cells were to end, and have."""


@dataclass
class Outcome:
    """What became of cells that a process was given.

    Attributes:
        done: cells that it has done.
        failed: cells that failed here.
        passed: cells that it passed over: done, failed or taken by another process.
    """

    done: int = 0
    failed: int = 0
    passed: int = 0


def run_cells(
    sweep: str | Path | Sweep,
    cells: Iterable[str] | None = None,
    *,
    attempts: int = ATTEMPTS,
    ended: Callable[[], bool] = lambda: False,
    report: Callable[[str], object] = _log.info,
    session: Session | None = None,
    loader: SpecLoader | None = None,
) -> Outcome:
    """Do cells of a sweep, one after the other, with one warm session; a process of an executor does nothing else.

    A cell that is done, has failed or is at work in another process is passed over. One that was interrupted continues from its
    last state. One whose process died comes after all others, and has failed once it was begun too often.

    Args:
        sweep: the sweep directory, or its index.
        cells: their ids, each taken when the one before it is done; None for all.
        attempts: how often a cell is begun whose process dies each time before the cell comes further.
        ended: asked all along whether to end; the cell under way is then left in a state from which it goes on.
        report: called with a line at the beginning and the end of each cell.
        session: that does them, and goes on afterwards: for a program that does cells of several sweeps. None: one of their own.
        loader: that validates their specs, likewise.

    Returns:
        What became of them.

    Raises:
        OutputError: the index cannot be read, or a cell's directory cannot be written.
        SpecError: there is no such cell.
        Interrupted: it was to end.
        Exception: whatever ended a cell and is not a `VstarError`: it is written down as the cell's, and since nobody knows what
            it has left in this process, the next cell is for another one.
    """
    index = sweep if isinstance(sweep, Sweep) else Sweep.read(sweep)
    todo = index.cells if cells is None else map(index.cell, cells)
    work = _Work(index, loader or SpecLoader(guard=index.guard), attempts, ended, report)
    _import_ahead()
    late: list[Cell] = []
    with Session(max_models=1, guard=index.guard) if session is None else nullcontext(session) as doing:
        for cell in todo:
            work.do(doing, cell, late)
        for cell in late:
            work.do(doing, cell)
    return work.outcome


def retry(sweep: Sweep) -> int:
    """Let the cells that failed wait again; not those whose video is finished and not as expected, which would come out the same.

    Returns:
        How many they are.

    Raises:
        OutputError: one of them cannot be changed.
    """
    count = 0
    for cell in sweep.cells:
        folder = sweep.path(cell)
        if (failed := Failed.read(folder)) is None or (folder / MANIFEST).exists():
            continue
        try:
            claim = Claim.take(folder)
            if claim is None:
                continue
            try:
                if held(folder / JOURNAL):  # somebody goes on with it by hand
                    continue
                if failed.anew:
                    shutil.rmtree(folder / STATE, ignore_errors=True)
                (folder / ERROR).unlink(missing_ok=True)
                count += 1
            finally:
                claim.close(remove=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be written: {error.strerror}", hint="is the folder read-only?") from error
    return count


def tidy(sweep: Sweep) -> None:
    """Remove what processes left that died when their cell was just done: an executor that deals cells out gives none twice."""
    for cell in sweep.cells:
        _tidy(sweep.path(cell))


@dataclass
class _Work:
    sweep: Sweep
    loader: SpecLoader
    attempts: int
    ended: Callable[[], bool]
    report: Callable[[str], object]

    def __post_init__(self) -> None:
        self.outcome = Outcome()

    def do(self, session: Session, cell: Cell, late: list[Cell] | None = None) -> None:
        """Do a cell, or pass over it; one that took a process with it is put into ``late``, where that is given."""
        if self.ended():
            raise Interrupted
        folder = self.sweep.path(cell)
        if _settled(folder):
            _tidy(folder)
            self.outcome.passed += 1
            return
        try:
            claim = Claim.take(folder)
        except OSError as error:
            raise OutputError(f"{folder} cannot be used: {error.strerror}", hint="is the folder read-only?") from error
        if claim is None:
            self.outcome.passed += 1
            return
        keep = claim.taken
        try:
            if _settled(folder) or held(folder / JOURNAL):  # the journal: of somebody who resumes it by hand
                self.outcome.passed += 1
                keep = False
            elif claim.begun >= self.attempts:
                self._fail(folder, claim, _died(claim.begun, folder))
                keep = False
            elif claim.taken and late is not None:
                late.append(cell)
            else:
                claim.load()
                try:
                    self._run(session, cell, folder, claim)
                except BaseException as error:
                    if isinstance(error, Interrupted) or not isinstance(error, Exception):  # the process is asked to end
                        claim.take_back()
                    raise
                keep = False
        except OSError as error:
            raise OutputError(f"{folder} cannot be written: {error.strerror}", hint="is the disk full?") from error
        finally:
            claim.close(remove=not keep)

    def _run(self, session: Session, cell: Cell, folder: Path, claim: Claim) -> None:
        self.report(f"cell {cell.id}: {cell.title}")
        going_on = resumable(folder)
        try:
            job = session.resume(folder) if going_on else self._start(session, cell, folder)
        except (OutputError, SamplerError, SpecError) as error:
            self._fail(folder, claim, error, anew=going_on)
            return
        except VstarError as error:
            self._fail(folder, claim, error)
            return
        try:
            self._follow(job, claim)
        except VstarError as error:
            self._fail(folder, claim, error)
        except Interrupted:
            raise
        except Exception as error:
            self._fail(folder, claim, error)
            raise
        else:
            self.outcome.done += 1
            self.report(f"cell {cell.id}: done")

    def _start(self, session: Session, cell: Cell, folder: Path) -> Job:
        return session.start(self.loader.load(self.sweep.document(cell)), out=folder)

    def _follow(self, job: Job, claim: Claim) -> None:
        """Wait for a run, and end it where everything is to end."""
        ending = False
        try:
            for event in job.events():
                if isinstance(event, events.StageStart) and event.stage == "encode":
                    claim.begin()
                if not ending and self.ended():
                    ending = True
                    job.cancel()
            job.result()
        except RunCancelled:
            if ending:
                raise Interrupted from None
            raise
        except BaseException:
            job.cancel()
            raise

    def _fail(self, folder: Path, claim: Claim, error: BaseException, *, anew: bool = False) -> None:
        record = error_json(error)
        attempts = claim.begun if isinstance(error, _Died) else claim.begun + 1
        Failed(record["type"], record["message"], record["hint"], attempts, anew).write(folder)
        self.outcome.failed += 1
        self.report(f"cell {folder.name}: failed: {record['message']}")


class _Died(VstarError):
    """The process of a cell died each time."""


def _died(times: int, folder: Path) -> VstarError:
    return _Died(
        f"its process died {times} times in this cell, without progress",
        hint=f"did memory run out? `vstar run {folder}/spec.yaml` runs this cell alone; `vstar sweep --retry-failed` tries again",
    )


def _settled(folder: Path) -> bool:
    return (folder / MANIFEST).exists() or (folder / ERROR).exists()


def _tidy(folder: Path) -> None:
    """Remove what a process left that died when its cell was just done; where that is not as expected, write it down."""
    if not any((folder / name).exists() for name in (CLAIM, STATE, JOURNAL)) or not (folder / MANIFEST).exists():
        return
    with suppress(OSError, OutputError):  # another process is at it
        claim = Claim.take(folder)
        if claim is None:
            return
        try:
            journal = Journal.open(folder, create=False)
            Saved(folder).remove()
            if not (folder / ERROR).exists() and (said := unexpected(folder)) is not None:
                Failed(ExpectationError.__name__, said, None, claim.begun + 1).write(folder)
            if journal is not None:
                sweep_drafts(folder, journal.drafts)
                release(journal, folder)
        finally:
            claim.close(remove=True)


def _import_ahead() -> None:
    """Bring in what takes seconds before a cell is taken, so that a process which dies meanwhile is not a fault of the cell."""
    with suppress(ImportError):  # the run says what is absent
        from vstar_sdk.runs import perform
        from vstar_sdk.runs.stages import encode, sample

        del perform, encode, sample
