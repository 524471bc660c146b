"""Key states in the user's own editor: opened, checked, and opened again until they are right or given up."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
import yaml

from vstar_sdk.cli.failure import Failure
from vstar_sdk.errors import SpecError, VstarError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.plan import Plan, make_plan
from vstar_sdk.runs.story import Story
from vstar_sdk.spec.document import LARGEST, Document, parse
from vstar_sdk.spec.loading import load_document
from vstar_sdk.synopsis.states import to_options

_HEAD = """\
# The key states, one a line: a caption, or {caption: ..., at: 40%}, where 'at' is a frame, seconds (2.5s) or a share.
# Also: style (words added to every caption) and negative_prompt. Save and leave the editor.
"""


def edited(plan: Plan, story: Story) -> tuple[Plan, Story]:
    """Have the states of a story edited.

    Args:
        plan: of the run.
        story: that was told for it.

    Returns:
        The plan with what was written as its synopsis, and its story.

    Raises:
        SpecError: what was written is wrong, and is not edited again; the hint says where it is kept.
        VstarError: the editor cannot be started, or failed.
    """
    descriptor, name = tempfile.mkstemp(suffix=".yaml", prefix="vstar-states-")
    path = Path(name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        text = yaml.safe_dump({"synopsis": to_options(story.written)}, sort_keys=False, allow_unicode=True, width=1000)
        file.write(_HEAD + text)
    while True:
        _open(path, unchanged=_HEAD + text)
        try:
            found = _read(plan, path)
        except VstarError as error:
            if not _again(error):
                raise SpecError(error.message, hint=f"what you wrote is in {printable(name)}") from None
        else:
            path.unlink(missing_ok=True)
            return found


def _open(path: Path, *, unchanged: str) -> None:
    """Wait for the editor; a file in which nothing was written does not outlive a failure of it."""
    try:
        click.edit(filename=str(path))
    except click.ClickException as error:
        kept = path.read_bytes() != unchanged.encode()
        if not kept:
            path.unlink()
        more = f"; what you wrote is in {printable(str(path))}" if kept else ""
        raise VstarError(error.message, hint=f"set EDITOR to the command of an editor that waits{more}") from None


def _read(plan: Plan, path: Path) -> tuple[Plan, Story]:
    written = parse(path.read_bytes()[:LARGEST].decode("utf-8", "replace"), name="states")
    others = [key for key in written.data if key != "synopsis"]
    if others or "synopsis" not in written.data:
        what = f"'{printable(str(others[0]))}' has no place here" if others else "'synopsis' is missing"
        raise SpecError(f"states: {what}", hint="write 'synopsis:', and below it 'states:'")
    base = plan.loaded.document
    data = {key: value for key, value in base.data.items() if key != "synopsis"} | written.data
    given = {place: origin for place, origin in base.given.items() if place[:1] != ("synopsis",)}
    document = Document(data, "states", base.folder, written.root, given, base.defaults)
    again = make_plan(load_document(document, plugins=plan.loaded.given, guard=plan.loaded.guard))
    return again, again.tell_story()


def _again(error: VstarError) -> bool:
    """Show what is wrong, and ask whether to open the editor again; where nobody can be asked, no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    Failure(error).show()
    return click.confirm("edit again?", default=True, err=True)
