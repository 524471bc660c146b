"""From a spec that somebody sent to a job that is valid and within the limits, before it is promised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from vstar_sdk.errors import SpecError
from vstar_sdk.models.contract import ModelSource
from vstar_sdk.runs.engine import engine_of
from vstar_sdk.runs.finishing import finishing_of
from vstar_sdk.runs.plan import Plan, make_plan
from vstar_sdk.runs.schedule import evaluations
from vstar_sdk.runs.settings import settings_of
from vstar_sdk.service.limits import Limits
from vstar_sdk.service.records import ID
from vstar_sdk.spec.defaults import beneath
from vstar_sdk.spec.document import LARGEST, Document, parse
from vstar_sdk.spec.loading import LoadedSpec
from vstar_sdk.spec.overrides import with_value
from vstar_sdk.spec.sweep_keys import SWEEP


@dataclass(frozen=True)
class Order:
    """What somebody asks for.

    Attributes:
        document: the spec.
        priority: higher ones run first.
        model: what whoever asks calls the model; None: as the spec does.
        key: the ``Idempotency-Key``.
        fingerprint: of the request; the same key with another one is refused.
        files: that were uploaded, by their names in the job's folder.
    """

    document: Document
    priority: int = 0
    model: str | None = None
    key: str | None = None
    fingerprint: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


def read_spec(text: bytes, *, as_json: bool) -> Document:
    """A spec as somebody sent it.

    Raises:
        SpecError: it is too large, not text, or not well-formed; with line and column.
    """
    if len(text) > LARGEST:
        raise SpecError(f"a spec has at most {LARGEST >> 10} KB", hint="send a shorter one")
    try:
        return parse(text.decode("utf-8-sig"), name="spec", as_json=as_json)
    except UnicodeDecodeError:
        raise SpecError("the spec is not text (UTF-8)", hint="send it in UTF-8") from None


def completed(document: Document, folder: Path, defaults: Document | None) -> Document:
    """A document with the service's defaults beneath it.

    Args:
        document: as it was sent.
        folder: of the job, where its relative paths begin.
        defaults: count where it is silent.

    Raises:
        SpecError: it describes many runs.
    """
    if SWEEP in document.data:
        raise SpecError("the spec has a key 'sweep', so it describes many runs", hint="send each run by itself", path=(SWEEP,))
    document = replace(document, folder=folder)
    return document if defaults is None else beneath(document, defaults)


def checked(loaded: LoadedSpec, limits: Limits) -> Plan:
    """Plan a run within limits: what it would take is found by its numbers first, then with its story.

    Args:
        loaded: its spec.
        limits: what it may take.

    Raises:
        SpecError: it is wrong, or beyond a limit.
        VstarError: something else is in its way, such as a model that is not there.
    """
    check_numbers(loaded, limits)
    plan = make_plan(loaded)
    _within("steps", evaluations(plan), limits.steps)
    return plan


def check_numbers(loaded: LoadedSpec, limits: Limits) -> None:
    """Refuse a run that is larger than it may be, before anything is made in its size.

    Raises:
        SpecError: it is, or a number does not fit the model.
    """
    try:
        source: ModelSource = loaded.catalog.make("models", loaded.spec.model)
        facts = source.facts().preset(loaded.spec.sampling.preset)
        numbers = settings_of(loaded.spec, facts, engine_of(loaded, facts))
        final = finishing_of(loaded, numbers.footage(loaded.spec.prompt)).final
    except SpecError as error:
        raise loaded.error(error) from None
    _within("pixels of a frame", max(numbers.width * numbers.height, final.width * final.height), limits.pixels)
    _within("frames", max(numbers.frames, final.frames), limits.frames)
    _within("steps", numbers.steps, limits.steps)


def _within(what: str, asked: int, most: int) -> None:
    if asked > most:
        raise SpecError(f"{asked} {what} are more than this service takes", hint=f"ask for at most {most}")


def continued(document: Document, run_of: Callable[[str], Path]) -> tuple[Document, tuple[Path, ...]]:
    """A document whose ``start.from`` may be the id of a job.

    Args:
        document: the spec, of a job next to the one that is named.
        run_of: the run directory of a finished job.

    Returns:
        The document with the way to the run directory in the place of the id, and the folders that it may reach for that.
    """
    start: Any = document.data.get("start")
    named = cast(dict[Any, Any], start).get("from") if isinstance(start, dict) else None
    if not isinstance(named, str) or not ID.fullmatch(named):
        return document, ()
    run = run_of(named)
    return with_value(document, ("start", "from"), f"../{named}/{run.name}", "start.from"), (run,)
