"""The exporters of a run. No torch."""

from __future__ import annotations

from pathlib import Path

from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.output.contract import Exporter
from vstar_sdk.output.drafts import drafts_for
from vstar_sdk.runs.belongings import RESERVED
from vstar_sdk.spec.loading import LoadedSpec


def exporters(loaded: LoadedSpec) -> list[tuple[str, Exporter]]:
    """Names, as in ``use``, and new exporters."""
    return [
        (options.part, loaded.catalog.make("exporters", options, path=("output", index)))
        for index, options in enumerate(loaded.spec.output)
    ]


def check_exporters(loaded: LoadedSpec) -> None:
    """Refuse exporters that would write to the same file, or to one of the run's own.

    Raises:
        SpecError: one of them would; its path is ``("output",)``.
    """
    try:
        drafts_for(Path("/no-such-run"), exporters(loaded), reserved=RESERVED)
    except OutputError as error:
        raise SpecError(error.message, hint=error.hint, path=("output",)) from None
