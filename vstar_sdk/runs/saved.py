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
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.errors import OutputError
from vstar_sdk.output.whole import DRAFT, draft_of, write_whole
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.belongings import SPEC, STATE
from vstar_sdk.runs.state import SAMPLER, RunState
from vstar_sdk.spec.loading import LoadedSpec
from vstar_sdk.spec.writing import as_yaml

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from vstar_sdk.output.contract import Clip
    from vstar_sdk.sampling.state import SamplerState

ABOUT, RESOLVED, _PREVIEW, _PAUSED = "about.json", SPEC, "preview.png", "paused"
FORMAT = 1
_SHARE = 0.02
"""Of the time of sampling that may go into writing states."""


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
        """Write down which run it is; what one that was interrupted left is removed.

        Args:
            run: its id.
            loaded: its spec.
            start: what takes the place of the spec's ``start``: which latents exactly it continues from.

        Raises:
            OutputError: it cannot be written, or something that no run wrote is in the way.
        """
        self.check()
        self.remove()
        spec = loaded.spec.model_dump(mode="json", exclude_unset=True) | ({"start": dict(start)} if start else {})
        about = {
            "format": FORMAT,
            "run": run,
            "spec": as_yaml(spec),  # JSON has no numbers for keys
            "folder": str(loaded.document.folder.absolute()) if loaded.document.folder else None,
            "passed": [plugin.namespace for plugin in loaded.given],
            "versions": versions(),
        }
        with _disk(self.path):
            self.path.mkdir(exist_ok=True)
            self.held, self._is = True, self.path.stat()
            write_whole(self.path / ABOUT, json.dumps(about).encode())

    def go_on(self) -> None:
        """Take the state of the run that is resumed."""
        with _disk(self.path):
            self.held, self.worth, self._is = True, True, self.path.stat()
            (self.path / _PAUSED).unlink(missing_ok=True)

    def pause(self) -> None:
        """Write down that the run was stopped on purpose: another one does not take its place.

        Raises:
            OutputError: it cannot be written.
        """
        with _disk(self.path):
            (self.path / _PAUSED).touch()

    def check(self, *, resumed: bool = False) -> None:
        """Refuse a folder of the same name that no run wrote, and the state of a run that was paused.

        Args:
            resumed: it is that run which goes on.

        Raises:
            OutputError: there is one.
        """
        if not resumed and (self.path / _PAUSED).exists() and _is_ours(self.path):
            shown = printable(str(self.path.parent))
            raise OutputError(
                f"a run is paused in {shown}",
                hint=f"go on with: vstar resume {shown}; or name another with --out; to give it up, remove {shown}/{STATE}",
            )
        if os.path.lexists(self.path) and not _is_ours(self.path):
            raise OutputError(
                f"{self.path} was not written by a run, so it is not replaced",
                hint="move it away, or choose another run directory with --out",
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
                raise OutputError(
                    f"the folder {self.path} was removed during the run", hint="do not change a run directory while a run uses it"
                )
        state.write(self.path)
        self.worth = True

    def keep_resolved(self, spec: str) -> None:
        """Write the resolved spec, to see later whether the one in the run directory was changed.

        Raises:
            OutputError: it cannot be written.
        """
        with _disk(self.path):
            write_whole(self.path / RESOLVED, spec.encode())

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

    def keep_latents(self, latents: Tensor, maps: Mapping[str, Tensor] | None = None) -> None:
        """Write the latents of a sampling that is done; where it stood on the way is not needed any more.

        Args:
            latents: of the clip.
            maps: that were recorded on the way.

        Raises:
            OutputError: they cannot be written.
        """
        self.keep(RunState(maps=maps))  # first, so that latents never stand there without them
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

    def sweep(self) -> None:
        """Remove it if it is a run's: that of a process which died while it removed it."""
        if _is_ours(self.path):
            self.remove()

    def remove(self) -> None:
        """Remove it, the file that says whose it is last; what cannot be removed stays."""
        with suppress(OSError):
            for path in self.path.iterdir():
                if path.name != ABOUT:
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            (self.path / ABOUT).unlink(missing_ok=True)
            self.path.rmdir()


def versions() -> dict[str, str]:
    """What the bits of a video depend on."""
    return {name: version(name) for name in ("vstar-sdk", "torch", "diffusers", "transformers")}


def _is_ours(folder: Path) -> bool:
    """Whether a run made a folder: it says so, or it was ended before it could."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return (folder / ABOUT).is_file() or all(DRAFT in path.name for path in folder.iterdir())


@contextmanager
def _disk(path: Path) -> Generator[None]:
    """Turn the errors of the disk into `OutputError`."""
    try:
        yield
    except OSError as error:
        hint = "is the disk full, or the folder read-only?"
        raise OutputError(f"{path} cannot be written: {error.strerror}", hint=hint) from error
