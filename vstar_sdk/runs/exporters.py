"""The exporters of a run. No torch."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.footage import Footage
from vstar_sdk.output.contract import CheckedExporter, Exporter
from vstar_sdk.output.drafts import drafts_for
from vstar_sdk.plugin.boundary.calls import dotted
from vstar_sdk.runs.belongings import RESERVED
from vstar_sdk.spec.loading import LoadedSpec


def exporters(loaded: LoadedSpec) -> list[tuple[str, Exporter]]:
    """Names, as in ``use``, and new exporters."""
    return [
        (options.part, loaded.catalog.make("exporters", options, path=("output", index)))
        for index, options in enumerate(loaded.spec.output)
    ]


def carrying(loaded: LoadedSpec) -> list[str]:
    """The names of the exporters that write a clip's sound."""
    return [name for name, exporter in exporters(loaded) if getattr(exporter, "carries_sound", False)]


def check_exporters(loaded: LoadedSpec, clip: Footage) -> None:
    """Refuse exporters that would write to the same file, or to one of the run's own, or that cannot write the clip.

    Args:
        loaded: the spec.
        clip: the finished one.

    Raises:
        SpecError: one of them would, or cannot; with its path in the spec.
    """
    made = exporters(loaded)
    with _told("output"):
        drafts_for(Path("/no-such-run"), made, reserved=RESERVED)
    for index, (_, exporter) in enumerate(made):
        if isinstance(exporter, CheckedExporter):
            with _told("output", index):
                exporter.check(clip)


@contextmanager
def _told(*path: str | int) -> Generator[None]:
    """What an exporter refuses is a fault of the spec while there is no run yet."""
    try:
        yield
    except OutputError as error:
        said = error.message.removeprefix(f"{dotted(path)}: ")  # the boundary names the place of a plugin's part, too
        raise SpecError(said, hint=error.hint, path=path) from None
