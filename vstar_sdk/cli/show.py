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
    """Print the spec of VIDEO, an MP4 that vstar wrote or a run directory.

    An MP4 has its spec in the metadata key vstar_spec. `vstar run VIDEO` makes the same video again.
    """
    from vstar_sdk.output.metadata import read_spec

    if video.is_dir():
        spec = video / "spec.yaml"
        if not spec.is_file():
            raise SpecError(
                f"{printable(str(video))} is not a run directory: it has no spec.yaml", hint="use a video or a run directory"
            )
        document(_text(spec))
        return
    text = read_spec(video)
    if text is None:
        raise SpecError(
            f"{printable(str(video))} has no spec in its metadata",
            hint="vstar writes one into its MP4 files, unless metadata is off",
        )
    document(text)


def _text(spec: Path) -> str:
    shown = printable(str(spec))
    try:
        return read_bounded(spec, LARGEST).decode("utf-8")
    except UnicodeDecodeError:
        raise SpecError(f"{shown} is not text (UTF-8)", hint="it was changed after the run: repeat the run") from None
    except OSError as error:
        raise SpecError(f"{shown} cannot be read: {error.strerror}", hint="use a video or a run directory") from None


@click.command("open", cls=Command)
@click.argument("run", type=click.Path(path_type=Path), default=None, required=False)
def open_result(run: Path | None) -> None:
    """Open a result in the system's viewer: RUN is a run directory or a file in one. Default: the newest below runs/."""
    from vstar_sdk.runs.naming import RUNS

    if run is None:
        runs = [path for path in RUNS.glob("*") if (path / "manifest.json").is_file()]
        if not runs:
            raise OutputError("there is no finished run below runs/", hint='make one: vstar run "a volcano wakes up"')
        run = max(runs, key=lambda path: (path / "manifest.json").stat().st_mtime)
    if not run.exists():
        raise OutputError(f"there is no {printable(str(run))}", hint="use a run directory, or a file in one")
    shown = next((path for path in (run / "video.mp4", run / "contact-sheet.png") if path.is_file()), run)
    document(f"{shown}\n")
    if click.launch(str(shown)) != 0:
        raise OutputError(
            f"no viewer found for {printable(str(shown))}", hint="open the file yourself, or copy it to a machine with a display"
        )
