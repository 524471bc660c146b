"""``vstar analyze levels``: what each level of temporal attention does."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import click

from vstar_sdk.cli.arguments import OutPath, SpecArguments, spec_arguments
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document
from vstar_sdk.cli.sweep import carry_out, check_done
from vstar_sdk.errors import OutputError
from vstar_sdk.output.whole import write_whole
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.sweeps.planning import plan_sweep
from vstar_sdk.sweeps.status import SweepStatus

SHEET, DATA = "levels.png", "levels.json"


@click.command(cls=Command, short_help="Replace the attention of each level, to see what it does.")
@spec_arguments
@click.option("--parts", type=click.IntRange(1, 16), default=4, show_default=True, help="Stretches of a stack of equal blocks.")
@click.option("--columns", type=click.IntRange(2, 24), default=8, show_default=True, help="Frames of each clip on the sheet.")
@click.option("-o", "--out", type=OutPath("folder"), default=Path("levels"), show_default=True, help="The folder for all of it.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def levels(given: SpecArguments, parts: int, columns: int, out: Path, quiet: bool) -> None:
    """Replace the attention of each level, by the identity and by even attention.

    SPEC is made once as it is without regularizers, and twice for each level, or stretch of blocks. The folder is a sweep
    directory: repeated, the command goes on where it was stopped. levels.png shows the clips below each other with their metrics,
    levels.json has the numbers, and index.html plays the clips together.
    """
    from vstar_sdk.analysis.levels import swept, variants

    written = given.read()
    chosen = variants(make_plan(given.load()).facts, parts)
    plan = plan_sweep(swept(written, chosen), out, guard=given.guard())
    made = plan.make_executor()
    plan.sweep.claim()
    carry_out(plan, made, retry_failed=True, quiet=quiet)
    status = SweepStatus.of(plan.sweep)
    check_done(status)

    from vstar_sdk.gallery.sheet import sheet
    from vstar_sdk.gallery.sweep import sweep_clips, write_page

    clips = sweep_clips(plan.sweep)
    picture = BytesIO()
    sheet(clips, columns, list(chosen)).save(picture, format="PNG")
    data = {name: dict(clip.metrics) for name, clip in zip(chosen, clips, strict=True)}
    try:
        write_whole(out / SHEET, picture.getvalue())
        write_whole(out / DATA, json.dumps(data, indent=2).encode())
    except OSError as error:
        raise OutputError(f"{printable(str(out))} cannot be written: {error.strerror}") from error
    for path in (out / SHEET, out / DATA, write_page(plan.sweep, list(chosen))):
        document(f"{path}\n")
