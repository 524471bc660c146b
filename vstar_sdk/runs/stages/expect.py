"""The stage ``expect``: what was measured, held to what the spec expects of it. The artifacts are in their places."""

from __future__ import annotations

from collections.abc import Mapping

from vstar_sdk import events
from vstar_sdk.errors import ExpectationError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.result import Result
from vstar_sdk.runs.run import Run
from vstar_sdk.spec.expectations import Verdict, complaint, expectations


def expect(run: Run, numbers: Mapping[str, float]) -> tuple[Verdict, ...]:
    """Compare all that a run's spec expects; where it expects nothing, nothing is told.

    Args:
        run: under way.
        numbers: that were measured, by their names.
    """
    wanted = expectations(run.plan.spec.expect)
    if not wanted:
        return ()
    verdicts = tuple(Verdict(one, numbers[one.number]) for one in wanted)
    with run.stage("expect"):
        for one in verdicts:
            run.emit(events.Expected(run=run.id, **one.json()))
    return verdicts


def check_kept(result: Result) -> None:
    """Refuse a finished video that is not as its spec expects.

    Args:
        result: of a run that is done; the error holds it.

    Raises:
        ExpectationError: it is not.
    """
    said = complaint(result.manifest["expect"])
    if said is None:
        return
    shown = printable(str(result.directory)) if result.directory is not None else None
    error = ExpectationError(
        said,
        hint=f"it was written all the same; vstar check {shown} measures it again" if shown else "it is the error's 'result'",
    )
    error.result = result
    raise error
