"""``vstar show``: the spec that a video carries, and ``vstar open``: a result in the system's own viewer."""

from __future__ import annotations

from pathlib import Path

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document
from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.spec.document import LARGEST


@click.command(cls=Command)
@click.argument("video", type=click.Path(path_type=Path))
def show(video: Path) -> None:
    """Print the spec that made VIDEO, an MP4 of vstar or a run directory.

    An MP4 carries it in its metadata, under the key vstar_spec. `vstar run VIDEO` makes the same video again.
    """
    from vstar_sdk.output.metadata import read_spec

    if video.is_dir():
        spec = video / "spec.yaml"
        if not spec.is_file():
            raise SpecError(f"{printable(str(video))} is no run directory: it has no spec.yaml", hint="name a video or a run")
        document(_text(spec))
        return
    text = read_spec(video)
    if text is None:
        raise SpecError(f"{printable(str(video))} carries no spec", hint="only videos that vstar wrote, with metadata, carry one")
    document(text)


def _text(spec: Path) -> str:
    shown = printable(str(spec))
    try:
        return read_bounded(spec, LARGEST).decode("utf-8")
    except UnicodeDecodeError:
        raise SpecError(f"{shown} is not text (UTF-8)", hint="no run wrote it so: make the run again") from None
    except OSError as error:
        raise SpecError(f"{shown} cannot be read: {error.strerror}", hint="name a video or a run") from None


@click.command("open", cls=Command)
@click.argument("run", type=click.Path(path_type=Path), default=None, required=False)
def open_result(run: Path | None) -> None:
    """Show a result: RUN is a run directory or a file of one; left out, the newest below runs/."""
    from vstar_sdk.runs.naming import RUNS

    if run is None:
        runs = [path for path in RUNS.glob("*") if (path / "manifest.json").is_file()]
        if not runs:
            raise OutputError("there is no run below runs/", hint='make one: vstar run "a volcano wakes up"')
        run = max(runs, key=lambda path: (path / "manifest.json").stat().st_mtime)
    if not run.exists():
        raise OutputError(f"there is no {printable(str(run))}", hint="name a run directory, or a file in one")
    shown = next((path for path in (run / "video.mp4", run / "contact-sheet.png") if path.is_file()), run)
    document(f"{shown}\n")
    if click.launch(str(shown)) != 0:
        raise OutputError(f"no program on this system opens {printable(str(shown))}", hint="open it with one of your own")
