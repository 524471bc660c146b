"""A run that was interrupted, read from the folder ``state`` of its directory; see `vstar_sdk.runs.saved`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.plugin.boundary.calls import dotted
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.reading.yaml_reader import read_yaml
from vstar_sdk.runs.belongings import MANIFEST, SPEC, STATE
from vstar_sdk.runs.saved import ABOUT, FORMAT, RESOLVED, Saved, versions
from vstar_sdk.runs.state import RunState
from vstar_sdk.spec.differences import Difference, differences
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.loading import LoadedSpec, load_document

_LARGEST = 64 << 20


@dataclass(frozen=True)
class Unfinished:
    """A run that was interrupted.

    Attributes:
        run: its id.
        loaded: its spec, validated again.
        resolved: its ``spec.yaml`` as it was written, or None if it came not so far.
        state: what it had made.
    """

    run: str
    loaded: LoadedSpec
    resolved: str | None
    state: RunState


def resumable(directory: Path) -> bool:
    """Whether a run was interrupted in a directory, and can go on."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return json.loads(read_bounded(directory / STATE / ABOUT, _LARGEST))["run"] != _whole(directory)
    return False


def read_unfinished(directory: Path, plugins: Iterable[object] = (), guard: Guard | None = None) -> Unfinished:
    """The run that was interrupted in a directory.

    Args:
        directory: the run directory.
        plugins: the objects that were passed to the run when it began.
        guard: what its spec may reach.

    Raises:
        OutputError: no run was interrupted there, or its state is of another version.
        SpecError: its spec was changed meanwhile, or is valid no longer.
        SamplerError: a file of the state is damaged.
    """
    folder, shown = directory / STATE, printable(str(directory))
    whole = _whole(directory)
    try:
        about: dict[str, Any] = json.loads(read_bounded(folder / ABOUT, _LARGEST))
        if about["run"] == whole:
            raise FileNotFoundError  # its state was to be removed
    except FileNotFoundError:
        if whole is not None:
            Saved(directory).sweep()
            raise OutputError(f"the run in {shown} is finished", hint=f"to repeat it: vstar run {shown}/spec.yaml") from None
        raise OutputError(f"there is no interrupted run in {shown}", hint="use the directory of an unfinished run") from None
    except OSError as error:
        raise OutputError(f"{shown}/{STATE}/{ABOUT} cannot be read: {error.strerror}", hint="start the run again") from None
    except (ValueError, KeyError, TypeError):
        raise OutputError(f"{shown}/{STATE}/{ABOUT} is damaged", hint="start the run again") from None
    if about.get("format") != FORMAT or about.get("versions") != versions():
        was = ", ".join(f"{name} {number}" for name, number in cast(dict[str, str], about.get("versions", {})).items())
        raise OutputError(
            f"the run in {shown} was started with other versions: {was or 'unknown ones'}",
            hint="install these versions, or start the run again: with other versions the video would differ",
        )
    passed = list(plugins)
    document = Document(
        read_yaml(about["spec"], f"{shown}/{STATE}/{ABOUT}")[0], folder=Path(about["folder"]) if about["folder"] else None
    )
    loaded = load_document(document, plugins=passed, guard=guard)
    if missing := sorted({*about["passed"]} - {plugin.namespace for plugin in loaded.given}):
        raise SpecError(
            f"the run in {shown} was started with plugin objects: {', '.join(missing)}",
            hint="resume it from Python with the same objects: Session.resume(directory, plugins=[...])",
        )
    resolved = (folder / RESOLVED).read_text(encoding="utf-8") if (folder / RESOLVED).is_file() else None
    if whole is None:
        _check_unchanged(directory, resolved)
    return Unfinished(about["run"], loaded, resolved, RunState.read(folder))


def _whole(directory: Path) -> str | None:
    """The id of the run that is whole in a directory."""
    try:
        return json.loads(read_bounded(directory / MANIFEST, _LARGEST))["run"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_unchanged(directory: Path, resolved: str | None) -> None:
    """Refuse a directory whose spec says something else than the run was begun with.

    Raises:
        SpecError: it does; the message says where they differ.
    """
    spec = directory / SPEC
    if resolved is None or not spec.is_file():
        return
    now = read_bounded(spec, 1 << 20).decode("utf-8", "replace")
    if now == resolved:
        return
    try:
        before, after = (read_yaml(text, printable(str(spec)))[0] for text in (resolved, now))
        changed = [_sentence(one) for one in differences(before, after)]
    except SpecError as error:
        changed = [f"it cannot be read any more: {error.message}"]
    shown = printable(str(spec))
    raise SpecError(
        f"{shown} was changed after the run started: {'; '.join(changed) or 'in its comments or its order'}",
        hint=f"to use the changed spec, start another run: vstar run {shown} --out ...",
    )


def _sentence(one: Difference) -> str:
    was, now = one.values
    return f"{printable(dotted(one.path))} was {was} and is {now}"
