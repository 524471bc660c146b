"""The folder ``state`` of a run directory: all that an unfinished run needs to go on, in another process, to the same bytes.

It is there from the moment a run takes its directory, and gone once the run is whole.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.output.whole import DRAFT, draft_of, write_whole
from vstar_sdk.plugin.boundary.calls import dotted
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import read_bounded
from vstar_sdk.runs.belongings import MANIFEST, SPEC, STATE
from vstar_sdk.runs.state import SAMPLER, RunState
from vstar_sdk.spec.differences import Difference, differences
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.loading import LoadedSpec, load_document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vstar_sdk.output.contract import Clip
    from vstar_sdk.sampling.state import SamplerState

_ABOUT, _RESOLVED, _PREVIEW = "about.json", SPEC, "preview.png"
_FORMAT = 1
_LARGEST = 64 << 20
_SHARE = 0.02
"""Of the time of sampling that may go into writing states."""


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


class Saved:
    """The state of one run, written as it grows.

    Args:
        directory: the run directory.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / STATE
        self.held = False
        """Whether it is this run's."""
        self.worth = False
        """Whether something is there that took time or money."""
        self._is: os.stat_result | None = None
        self._spent = 0.0
        self._cost = 0.0
        self._began: float | None = None

    def begin(self, run: str, loaded: LoadedSpec, start: Mapping[str, Any] | None = None) -> None:
        """Write down which run it is; what an earlier one left is removed.

        Args:
            run: its id.
            loaded: its spec.
            start: what takes the place of the spec's ``start``: which latents exactly it goes on from.

        Raises:
            OutputError: it cannot be written, or something that no run wrote is in the way.
        """
        self.check()
        self.remove()
        spec = loaded.spec.model_dump(mode="json", exclude_unset=True) | ({"start": dict(start)} if start else {})
        about = {
            "format": _FORMAT,
            "run": run,
            "spec": yaml.safe_dump(spec, sort_keys=False, allow_unicode=True),  # JSON has no numbers for keys
            "folder": str(loaded.document.folder.absolute()) if loaded.document.folder else None,
            "passed": [plugin.namespace for plugin in loaded.given],
            "versions": _versions(),
        }
        with _disk(self.path):
            self.path.mkdir(exist_ok=True)
            self.held, self._is = True, self.path.stat()
            write_whole(self.path / _ABOUT, json.dumps(about).encode())

    def go_on(self) -> None:
        """Take the state of the run that is resumed."""
        with _disk(self.path):
            self.held, self.worth, self._is = True, True, self.path.stat()

    def check(self) -> None:
        """Refuse a folder of the same name that no run wrote.

        Raises:
            OutputError: there is one.
        """
        if os.path.lexists(self.path) and not _is_ours(self.path):
            raise OutputError(
                f"{self.path} was not written by a run, and would be replaced",
                hint="move it away, or name another run directory with --out",
            )

    def keep(self, state: RunState) -> None:
        """Write what took time or money.

        Args:
            state: with nothing but that.

        Raises:
            OutputError: it cannot be written.
        """
        with _disk(self.path):
            if self._is is None or not os.path.samestat(self.path.stat(), self._is):
                raise OutputError(f"the folder {self.path} is gone", hint="leave a run directory alone while its run is at work")
        state.write(self.path)
        self.worth = True

    def keep_resolved(self, spec: str) -> None:
        """Write the resolved spec, to see later whether the one in the run directory was changed.

        Raises:
            OutputError: it cannot be written.
        """
        with _disk(self.path):
            write_whole(self.path / _RESOLVED, spec.encode())

    def due(self) -> bool:
        """Whether another state of the sampler fits into the share of time that they may take."""
        now = time.perf_counter()
        if self._began is None:
            self._began = now
        return self._spent + self._cost <= _SHARE * (now - self._began)

    def keep_sampler(self, state: Callable[[], SamplerState]) -> None:
        """Write where the sampler stands.

        Args:
            state: gives it.

        Raises:
            SamplerError: it cannot be written down.
            OutputError: it cannot be written.
        """
        began = time.perf_counter()
        self.keep(RunState(sampler=state()))
        self._cost = time.perf_counter() - began
        self._spent += self._cost

    def keep_latents(self, latents: Tensor) -> None:
        """Write the latents of a sampling that is done; where it stood on the way is not needed any more.

        Raises:
            OutputError: they cannot be written.
        """
        self.keep(RunState(latents=latents))
        with suppress(OSError):
            (self.path / SAMPLER).unlink()

    def keep_preview(self, frames: Iterable[NDArray[np.uint8]], clip: Clip) -> Path:
        """Draw a contact sheet.

        Args:
            frames: of the clip.
            clip: what is known of it.

        Returns:
            The picture.

        Raises:
            OutputError: it cannot be written.
        """
        from vstar_sdk.output.contact_sheet import ContactSheet, ContactSheetOptions

        target, sheet = self.path / _PREVIEW, ContactSheet(ContactSheetOptions())
        draft = draft_of(target)
        with _disk(target):
            sheet.open(draft, clip)
            for frame in frames:
                sheet.write(frame)
            sheet.close()
            draft.replace(target)
        return target

    def remove(self) -> None:
        """Remove it, the file that says whose it is last; what cannot be removed stays."""
        with suppress(OSError):
            for path in self.path.iterdir():
                if path.name != _ABOUT:
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            (self.path / _ABOUT).unlink(missing_ok=True)
            self.path.rmdir()


def resumable(directory: Path) -> bool:
    """Whether a run was interrupted in a directory, and can go on."""
    with suppress(OSError, ValueError):
        return json.loads(read_bounded(directory / STATE / _ABOUT, _LARGEST))["run"] != _whole(directory)
    return False


def read_unfinished(directory: Path, plugins: Iterable[object] = ()) -> Unfinished:
    """The run that was interrupted in a directory.

    Args:
        directory: the run directory.
        plugins: the objects that were passed to the run when it began.

    Raises:
        OutputError: no run was interrupted there, or its state is of another version.
        SpecError: its spec was changed meanwhile, or is valid no longer.
        SamplerError: a file of the state is damaged.
    """
    folder, shown = directory / STATE, printable(str(directory))
    whole = _whole(directory)
    try:
        about: dict[str, Any] = json.loads(read_bounded(folder / _ABOUT, _LARGEST))
        if about["run"] == whole:
            Saved(directory).remove()  # the process died in the midst of that
            raise FileNotFoundError
    except FileNotFoundError:
        if whole is not None:
            raise OutputError(f"the run in {shown} is whole", hint=f"make it again: vstar run {shown}/spec.yaml") from None
        raise OutputError(f"no run was interrupted in {shown}", hint="name the directory of a run that has not ended") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{folder / _ABOUT} cannot be read: {error}", hint="start the run again") from None
    if about.get("format") != _FORMAT or about.get("versions") != _versions():
        was = ", ".join(f"{name} {number}" for name, number in cast(dict[str, str], about.get("versions", {})).items())
        raise OutputError(
            f"the run in {shown} was begun with other versions: {was or 'unknown ones'}",
            hint="install these, or start the run again: it would not be the same video",
        )
    passed = list(plugins)
    document = Document(yaml.safe_load(about["spec"]), folder=Path(about["folder"]) if about["folder"] else None)
    loaded = load_document(document, plugins=passed)
    if missing := sorted({*about["passed"]} - {plugin.namespace for plugin in loaded.given}):
        raise SpecError(
            f"the run in {shown} was begun with plugins that were passed: {', '.join(missing)}",
            hint="resume it from Python, with the same: Session.resume(directory, plugins=[...])",
        )
    resolved = (folder / _RESOLVED).read_text(encoding="utf-8") if (folder / _RESOLVED).is_file() else None
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
        changed = [_sentence(one) for one in differences(yaml.safe_load(resolved), yaml.safe_load(now))]
    except yaml.YAMLError:
        changed = ["it is no YAML any more"]
    shown = printable(str(spec))
    raise SpecError(
        f"{shown} was changed after the run began: {'; '.join(changed) or 'in its comments or its order'}",
        hint=f"for another video make another run of it: vstar run {shown} --out ...",
    )


def _sentence(one: Difference) -> str:
    was, now = one.values
    return f"{printable(dotted(one.path))} was {was} and is {now}"


def _versions() -> dict[str, str]:
    """What the bits of a video depend on."""
    return {name: version(name) for name in ("vstar-sdk", "torch", "diffusers", "transformers")}


def _is_ours(folder: Path) -> bool:
    """Whether a run made a folder: it says so, or it was ended before it could."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return (folder / _ABOUT).is_file() or all(DRAFT in path.name for path in folder.iterdir())


@contextmanager
def _disk(path: Path) -> Generator[None]:
    """Turn the errors of the disk into `OutputError`."""
    try:
        yield
    except OSError as error:
        hint = "is the disk full, or the folder read-only?"
        raise OutputError(f"{path} cannot be written: {error.strerror}", hint=hint) from error
