"""``vstar rerun``: a finished run made once more, to see whether its frames come out the same."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from vstar_sdk.cli.arguments import OutPath, guarded_option
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.following import follow
from vstar_sdk.cli.printing import document_json, say
from vstar_sdk.errors import ExpectationError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.belongings import MANIFEST, SPEC
from vstar_sdk.runs.naming import directory_beside
from vstar_sdk.runs.parent import read_parent
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.rerunning import Comparison, compared
from vstar_sdk.spec.defaults import own_guard
from vstar_sdk.spec.loading import load_spec


@click.command(cls=Command)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=OutPath("run directory"), help="The run directory. Default: a new one next to RUN.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one a line; the last says whether it is the same.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; the run directory is still printed.")
@guarded_option()
def rerun(run: Path, out: Path | None, as_json: bool, quiet: bool, guarded: bool) -> None:
    """Make a finished run again, and compare the frames.

    The resolved spec of RUN is run into a directory of its own; no language model is asked. The frames should be byte-equal with
    the same versions on the same device; what was otherwise is named. Exits with 8 where they are not.
    """
    read_parent(run)  # that it is whole
    plan = make_plan(load_spec(run / SPEC, guard=own_guard(wanted=guarded)))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see `vstar_sdk.cli.run`
    from vstar_sdk.runs.session import start

    chosen = out or directory_beside(run)
    unexpected: ExpectationError | None = None
    try:
        follow(lambda: start(plan, out=chosen), chosen, as_json=as_json, quiet=quiet)
    except ExpectationError as error:  # as RUN was, perhaps
        unexpected = error
    _tell(compared(_manifest(run), _manifest(chosen)), run, as_json=as_json)
    if unexpected is not None:
        raise unexpected


def _manifest(directory: Path) -> dict[str, Any]:
    return json.loads((directory / MANIFEST).read_text(encoding="utf-8"))


def _tell(found: Comparison, run: Path, *, as_json: bool) -> None:
    """Say whether the frames are the same.

    Raises:
        ExpectationError: they are not.
    """
    shown = printable(str(run))
    if as_json:
        document_json({"kind": "rerun", "equal": found.equal, "otherwise": list(found.otherwise)}, indent=None)
    else:
        for line in found.otherwise:
            say(printable(line), label="otherwise: ", color="yellow")
    if found.equal is None:
        say(f"whether the frames are those of {shown} is not known: its manifest has no digest of them")
    elif found.equal:
        say(f"the frames are those of {shown}, byte for byte")
    else:
        raise ExpectationError(
            f"the frames are not those of {shown}",
            hint="what was otherwise is named above"
            if found.otherwise
            else "all that is recorded is the same: is the model's arithmetic deterministic on this device?",
        )
