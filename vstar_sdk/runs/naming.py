"""The names of run directories: what can be none, and what a run is given that nobody named."""

from __future__ import annotations

import itertools
import os
import re
from datetime import datetime
from pathlib import Path

from vstar_sdk.errors import OutputError
from vstar_sdk.reading.escapes import printable

ANOTHER = "choose another with --out"

RUNS = Path("runs")
"""Where run directories are made that nobody names."""


def check_named(out: str | os.PathLike[str], what: str = "run directory") -> None:
    """Refuse an empty name, which would be the folder that the program runs in.

    Args:
        out: the name.
        what: it is to be, in the message.

    Raises:
        OutputError: it is empty.
    """
    if os.fspath(out) == "":
        raise OutputError(f"the {what} has an empty name", hint="choose a folder with --out, or omit the option")


def check_written(path: Path) -> None:
    """Refuse a path that holds what cannot be seen: it is a slip, and where it is printed it could be taken for another.

    Raises:
        OutputError: it does.
    """
    written = str(path)
    if written.isprintable():
        return
    odd = next(sign for sign in written if not sign.isprintable())
    kind = "bytes that are not UTF-8" if "\ud800" <= odd <= "\udfff" else f"the character {printable(odd)}"
    raise OutputError(f"the folder '{printable(written)}' has {kind} in its name", hint=ANOTHER)


def check_text(folder: Path) -> None:
    """Refuse a folder whose name is not text: libraries that write videos take none.

    Raises:
        OutputError: it is one.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise OutputError(
            f"the folder '{printable(str(folder))}' has bytes that are not UTF-8 in its name",
            hint="work in another folder, or rename it",
        ) from None


def default_directory(prompt: str, root: Path = RUNS) -> Path:
    """A folder of its own, made at once so that no other run takes it: ``runs/20260131-142530-a-landscape-from-winter``.

    Raises:
        OutputError: it cannot be made.
    """
    words = re.findall(r"[a-z0-9]+", prompt.lower())[:5]
    return _new(root, "-".join([datetime.now().strftime("%Y%m%d-%H%M%S"), *words])[:80].rstrip("-"), 1)


def directory_beside(run: Path) -> Path:
    """A folder of its own for a run that continues from another, made at once: ``runs/winter-2`` next to ``runs/winter``.

    Raises:
        OutputError: it cannot be made.
    """
    whole = run.resolve()
    return _new(run.parent if run.name == whole.name else whole.parent, whole.name, 2)


def _new(root: Path, name: str, first: int) -> Path:
    for number in itertools.count(first):
        path = root / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not root.is_dir():
                raise OutputError(f"the folder {root} cannot be created: a file has that name", hint=ANOTHER) from None
        except OSError as error:
            raise OutputError(f"the folder {path} cannot be created: {error.strerror}", hint=ANOTHER) from error
        else:
            return path
    raise AssertionError
