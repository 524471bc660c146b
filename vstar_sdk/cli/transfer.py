"""``vstar transfer``: the pace of a clip carried over to a story."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click

from vstar_sdk.cli.arguments import SpecArguments, spec_arguments
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.making import Making, making_options
from vstar_sdk.runs.leftovers import sweep_all
from vstar_sdk.runs.naming import RUNS, default_directory
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.loading import LoadedSpec, load_document
from vstar_sdk.spec.names import written_out
from vstar_sdk.spec.overrides import with_value


@click.command(cls=Command)
@click.argument("video", metavar="VIDEO", type=click.Path(path_type=Path))
@spec_arguments
@click.option(
    "--of",
    type=click.Choice(["similarity", "attention"]),
    default="similarity",
    show_default=True,
    help="What of the clip: how alike its frames are, or how the model attends to them.",
)
@click.option(
    "--as", "form", type=click.Choice(["bias", "mix"]), default="bias", show_default=True, help="How it acts on attention."
)
@click.option("--strength", type=click.FloatRange(0), metavar="S", help="How much of it acts; 0 is the plain model.")
@click.option("--window", type=(float, float), metavar="START END", help="When, as fractions of the schedule. Default: 0 0.56.")
@click.option("--level", "levels", type=click.IntRange(0), multiple=True, help="A level to act at. May be repeated. Default: 0.")
@click.option(
    "--distance",
    type=click.Choice(["seconds", "frames", "clip"]),
    default="seconds",
    show_default=True,
    help="What is the same in clip and video.",
)
@making_options("The run directory. Default: a new one below runs/.")
def transfer(
    video: Path,
    given: SpecArguments,
    of: str,
    form: str,
    strength: float | None,
    window: tuple[float, float] | None,
    levels: tuple[int, ...],
    distance: str,
    making: Making,
) -> None:
    """Make the video of SPEC at the pace of VIDEO, a real clip.

    Puts the regularizer `transfer` into the spec, in the place of `tar`; other regularizers stay. The run directory has a spec
    that makes the same video again, without the clip.
    """
    written: dict[str, Any] = {"use": "transfer", "form": form, "distance": distance, "levels": list(levels or (0,))}
    written |= {"strength": strength} if strength is not None else {}
    written |= {"window": list(window)} if window is not None else {}
    document = given.read()
    if of == "attention":
        written["profiles"] = _attention(_with(document, None, given), video, levels or (0,))
    else:
        written["clip"] = str(video.expanduser().absolute())
    plan = make_plan(_with(document, written, given))

    def directory() -> Path:
        sweep_all(RUNS)
        return default_directory(plan.spec.prompt)

    making.make(plan, RUNS, directory)


def _with(document: Document, transfer: dict[str, Any] | None, given: SpecArguments) -> LoadedSpec:
    """The spec with its regularizers but ``tar``, and this one."""
    others: Any = written_out(document.data).get("regularizers") or []
    kept = [one for one in cast(list[Any], others) if not _is_tar(one)] if isinstance(others, list) else []
    chosen = [*kept, *([transfer] if transfer is not None else [])]
    changed = with_value(document, ("regularizers",), chosen, "vstar transfer")
    return load_document(changed, plugins=given.plugins, guard=given.guard())


def _is_tar(one: Any) -> bool:
    return isinstance(one, Mapping) and cast(Mapping[Any, Any], one).get("use") == "tar"


def _attention(loaded: LoadedSpec, video: Path, levels: tuple[int, ...]) -> dict[int, Any]:
    from vstar_sdk.analysis.pace import pace_of
    from vstar_sdk.runs.models import Models

    found = pace_of(make_plan(loaded), video, levels, Models(1))
    return {level: profile.model_dump() for level, profile in found.items()}
