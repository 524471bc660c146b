"""One run in several processes that share every clip: all of them do the same, and the first one writes. No torch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from vstar_sdk.errors import SpecError
from vstar_sdk.spec.run_spec import RunSpec


def shared(spec: RunSpec) -> int:
    """How many processes share a clip; 1 for this one alone."""
    return getattr(spec.model, "ulysses", 1)


def check_shared(spec: RunSpec, *, offline: bool) -> None:
    """Refuse what several processes cannot share: a story that each would be told in other words, and a beginning from pictures.

    Args:
        spec: of the run.
        offline: whether its writer asks nobody.

    Raises:
        SpecError: a language model writes it, or pictures condition the model, and several processes make the clip.
    """
    if shared(spec) > 1 and spec.start is not None and (spec.start.first or spec.start.last):
        raise SpecError(
            "a first or last picture is not supported where several devices share a clip",
            hint="remove model.ulysses, or the picture",
            path=("start",),
        )
    if shared(spec) > 1 and not offline:
        raise SpecError(
            "every process would ask a language model for a story of its own, and they share one clip",
            hint="write it first: vstar synopsis story.yaml, and put its states into the spec",
            path=("synopsis", "use"),
        )


def writes(spec: RunSpec) -> bool:
    """Whether this process keeps what it makes: the first of those that share a clip."""
    return shared(spec) == 1 or os.environ.get("RANK", "0") == "0"


@contextmanager
def aside() -> Generator[Path]:
    """While it is open, a run directory that is thrown away at the end: for all processes but the first."""
    with tempfile.TemporaryDirectory(prefix="vstar-shared-") as folder:
        yield Path(folder) / "run"
