"""Previews of a run on the command line: a GIF that is renewed after every step, or strips of pictures on the terminal."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from vstar_sdk import events
from vstar_sdk.cli.graphics import Way, strip, way_of
from vstar_sdk.cli.printing import on_terminal, warn
from vstar_sdk.errors import OutputError
from vstar_sdk.output.whole import draft_of
from vstar_sdk.previews import is_preview
from vstar_sdk.reading.escapes import printable

TERMINAL = "terminal"
"""What `--preview` names to print on the terminal."""

_MOMENTS = 4
"""Strips of a run on the terminal, evenly over its steps; the last comes with the last step."""


class Preview(Protocol):
    """Where previews go."""

    def check(self) -> None:
        """Refuse a place that cannot be used.

        Raises:
            OutputError: it cannot be.
        """
        ...

    def show(self, event: events.Event) -> None:
        """Show the preview of a step, if the event has one."""
        ...


def preview_of(written: str | None) -> Preview | None:
    """The preview that ``--preview`` asks for; None without one."""
    return None if written is None else OnTerminal() if written == TERMINAL else InFile(Path(written))


class InFile:
    """A GIF.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Refuse one that would take the place of a file that is none, or that cannot be written."""
        shown, folder = printable(str(self._path)), self._path.parent
        if self._path.suffix.lower() != ".gif":
            raise OutputError(f"--preview {shown}: a preview is a GIF", hint="write --preview NAME.gif, or --preview terminal")
        if not folder.is_dir():
            raise OutputError(f"--preview {shown}: there is no folder {printable(str(folder))}", hint="make it first")
        if os.path.lexists(self._path) and not is_preview(self._path):
            raise OutputError(f"--preview {shown}: the file is there, and is no preview", hint="name another, or move it away")

    def show(self, event: events.Event) -> None:
        """Renew it; where it cannot be written, the run goes on without."""
        if not isinstance(event, events.Step) or event.preview is None:
            return
        draft = draft_of(self._path)
        try:
            event.preview.save(draft)
            draft.replace(self._path)
        except OSError as error:
            if event.step == event.steps:
                warn(f"{printable(str(self._path))} cannot be written: {error.strerror}")
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


class OnTerminal:
    """Strips of a few frames, at four moments of the sampling; as pictures where the terminal has them."""

    def __init__(self) -> None:
        self._shown = 0
        self._way: Way = way_of(os.environ)

    def check(self) -> None:
        """Refuse what is no terminal."""
        if not on_terminal():
            raise OutputError("--preview terminal: stderr is not a terminal", hint="write --preview NAME.gif")

    def show(self, event: events.Event) -> None:
        """Print a strip, if it is time for one."""
        if not isinstance(event, events.Step) or event.preview is None:
            return
        moment = event.step * _MOMENTS // event.steps
        if moment > self._shown:
            from tqdm import tqdm

            self._shown = moment
            with suppress(OSError, ValueError):
                tqdm.write(strip(event.preview.frames(), shutil.get_terminal_size().columns, self._way), file=sys.stderr)
