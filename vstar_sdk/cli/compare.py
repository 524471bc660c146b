"""``vstar compare``: runs side by side."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import click

from vstar_sdk.cli.arguments import OutPath
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document
from vstar_sdk.errors import OutputError
from vstar_sdk.output.whole import write_whole
from vstar_sdk.reading.escapes import printable


@click.command(cls=Command)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=OutPath("folder"), default=Path("comparison"), show_default=True, help="The folder for page and sheet."
)
@click.option("--title", default="", help="Heading of the page.")
@click.option("--columns", type=click.IntRange(2, 24), default=8, show_default=True, help="Frames of each clip on the sheet.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier page and sheet.")
def compare(runs: tuple[Path, ...], out: Path, title: str, columns: int, overwrite: bool) -> None:
    """Compare runs on a page and a picture.

    RUN is a run directory, a video, or a sweep directory (all its finished cells). The page, index.html, plays all clips together
    and filters them by the keys in which their specs differ. If the runs have metrics, a table shows the means over seeds.
    sheet.png has a row for each clip.
    """
    from vstar_sdk.gallery.clips import read_clip  # here, because these bring numpy, Pillow and PyAV
    from vstar_sdk.gallery.page import page
    from vstar_sdk.gallery.sheet import sheet
    from vstar_sdk.gallery.sweep import is_sweep, sweep_clips
    from vstar_sdk.sweeps.index import Sweep

    targets = out / "index.html", out / "sheet.png"
    for target in targets:
        if target.exists() and not overwrite:
            raise OutputError(f"{printable(str(target))} exists", hint="choose another folder with --out, or add --overwrite")
    clips = [clip for run in runs for clip in (sweep_clips(Sweep.read(run)) if is_sweep(run) else [read_clip(run)])]
    if not clips:
        raise OutputError("no cell of the sweep is finished", hint="vstar status shows its progress")
    picture = BytesIO()
    sheet(clips, columns).save(picture, format="PNG")
    try:
        text = page(clips, title or _title(clips[0].spec.get("prompt")), out)
        out.mkdir(parents=True, exist_ok=True)
        for target, content in zip(targets, (text.encode(), picture.getvalue()), strict=True):
            write_whole(target, content)
            document(f"{target}\n")
    except OSError as error:
        raise OutputError(f"{printable(str(out))} cannot be written: {error.strerror}") from error


def _title(prompt: object) -> str:
    return prompt if isinstance(prompt, str) and prompt else "Runs side by side"
