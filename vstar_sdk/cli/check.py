"""``vstar check``: measures a finished film, and says whether it is as expected."""

from __future__ import annotations

from pathlib import Path

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, document_json
from vstar_sdk.errors import ExpectationError
from vstar_sdk.reading.escapes import printable


@click.command(cls=Command)
@click.argument("film", metavar="VIDEO", type=click.Path(path_type=Path))
@click.option("-m", "--metric", "metrics", multiple=True, metavar="NAME", help="A metric to measure. May be repeated.")
@click.option(
    "-e",
    "--expect",
    "expected",
    multiple=True,
    metavar="TEXT",
    help="A condition such as 'flicker<0.1'; exit with 8 if it does not hold. May be repeated.",
)
@click.option("--prompt", metavar="TEXT", help="The prompt, for metrics that need it. Default: that of the video's spec.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(
    ctx: click.Context, film: Path, metrics: tuple[str, ...], expected: tuple[str, ...], prompt: str | None, as_json: bool
) -> None:
    """Measure VIDEO: an MP4, or a run directory.

    Without -m it uses the metrics of the video's spec, or else all that need neither a story nor a long clip; without -e, what
    that spec expects. An MP4 is measured as it is: compressed, and enlarged if its exporter did that. So its numbers differ
    slightly from those in the manifest.
    """
    from vstar_sdk.runs.checking import check as measure

    checked = measure(film, metrics, expected, prompt)
    if as_json:
        document_json(
            {
                "film": str(checked.path),
                "clip": checked.clip.json(),
                "metrics": dict(checked.numbers),
                "expected": [one.json() for one in checked.verdicts],
                "kept": checked.kept,
            }
        )
    else:
        width = max(map(len, checked.numbers))
        lines = [f"{printable(str(checked.path))}: {checked.clip}"]
        lines += [f"  {name:{width}}  {number:.4g}" for name, number in checked.numbers.items()]
        lines += [f"{'as expected' if one.kept else 'NOT as expected'}: {one.expectation}" for one in checked.verdicts]
        document("\n".join(lines) + "\n")
    if not checked.kept:
        ctx.exit(ExpectationError.exit_code)
