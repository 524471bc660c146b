"""``vstar analyze``: what temporal attention does, and what becomes of a clip without it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vstar_sdk.cli.analyze_levels import levels
from vstar_sdk.cli.arguments import OutPath, SpecArguments, several_specs
from vstar_sdk.cli.commands import Command, Group
from vstar_sdk.cli.printing import document
from vstar_sdk.cli.progress import Progress
from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.output.whole import write_whole
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.belongings import MANIFEST, SPEC
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.defaults import own_defaults
from vstar_sdk.spec.loading import LoadedSpec, load_spec
from vstar_sdk.spec.overrides import ByOption
from vstar_sdk.spec.sources import is_prompt

if TYPE_CHECKING:
    from vstar_sdk.analysis.maps import Maps


@click.group(cls=Group)
def analyze() -> None:
    """Look at temporal attention: its maps, and what its levels do."""


@analyze.command(cls=Command)
@several_specs
@click.option(
    "--real",
    "clips",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="CLIP",
    help="A real clip, encoded and noised to the step. May be repeated.",
)
@click.option("--model", metavar="NAME", help="Without SPEC, the model that looks at real clips. Default: miniworld.")
@click.option("--caption", default="", metavar="TEXT", help="What the model is told of real clips. Default: nothing.")
@click.option(
    "--every", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="Take each N-th frame of a clip."
)
@click.option("--at", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="When: a part of the schedule, 0 to 1.")
@click.option("--level", "levels", type=click.IntRange(0), multiple=True, help="Record one level. May be repeated. Default: all.")
@click.option("--blocks", metavar="FIRST-LAST", help="Blocks to record, of a model that is a stack. Default: all.")
@click.option("--title", default="Attention over frames", show_default=True, help="Heading of the page.")
@click.option("-o", "--out", type=OutPath("folder"), default=Path("maps"), show_default=True, help="Folder of page and pictures.")
@click.option("--overwrite", is_flag=True, help="Replace earlier files.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def maps(
    given: list[SpecArguments],
    clips: tuple[Path, ...],
    model: str | None,
    caption: str,
    every: int,
    at: float,
    levels: tuple[int, ...],
    blocks: str | None,
    title: str,
    out: Path,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Record attention maps, and show them side by side.

    SPEC is a spec file, a prompt, a run directory, or a video that carries its spec: it is sampled again and recorded on the way.
    With --real a clip is encoded, noised to the step, and seen by the model once. Writes maps.png, a picture and a tensor file of
    all heads for each clip, maps.json, and a page that holds the pictures.
    """
    sources = [_run(one) for one in given if one.source is not None or one.prompt is not None]
    if not sources and not clips:
        raise SpecError("nothing to do: name a spec, a run or a video, or a clip with --real")
    if sources and model is not None:
        raise SpecError("--model: the first SPEC says which model looks at real clips", hint="leave one of the two out")
    plans = [make_plan(one.load()) for one in sources]
    titles = _distinct([*(clip.stem for clip in clips), *map(_name, sources)])
    if (guard := given[0].guard()) is not None:
        guard.check_output(out)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see `vstar_sdk.cli.run`
    from vstar_sdk.analysis.generated import generated
    from vstar_sdk.analysis.maps import Where
    from vstar_sdk.analysis.real import looking, real
    from vstar_sdk.analysis.report import files, names
    from vstar_sdk.runs.models import Models

    looks = [looking(plans[0])] if plans and clips else [make_plan(_alone(given[0], model))] if clips else []
    where = Where(at, levels, _blocks(blocks))
    for plan in (*looks, *plans):
        where.sites(plan)
    _check_free(out, names(len(titles)), overwrite=overwrite)
    models = Models(1)
    found: list[Maps] = []
    for clip, name in zip(clips, titles, strict=False):
        found.append(real(looks[0], clip, where, models, name=name, every=every, caption=caption))
    for plan, name in zip(plans, titles[len(clips) :], strict=True):
        with Progress(quiet=quiet) as progress:
            found.append(generated(plan, where, name, models, progress.show))
    _write(out, files(found, title))


def _run(given: SpecArguments) -> SpecArguments:
    """A run directory stands for its spec."""
    if given.source is not None and Path(given.source).is_dir():
        return replace(given, source=str(Path(given.source) / SPEC))
    return given


def _name(given: SpecArguments) -> str:
    """A short name of a source: of a prompt itself, of a file of a run directory the directory's."""
    if given.source is None or is_prompt(given.source):
        return given.prompt or given.source or ""
    path = Path(given.source)
    return path.absolute().parent.name if (path.parent / MANIFEST).is_file() else path.stem


def _distinct(names: Sequence[str]) -> list[str]:
    return [name if names.index(name) == place else f"{name} ({place + 1})" for place, name in enumerate(names)]


def _alone(given: SpecArguments, model: str | None) -> LoadedSpec:
    """The spec of a model that looks at a clip, where there is no other."""
    chosen = [ByOption.of("--model", f"model={{use: {model}}}")] if model is not None else []
    written: dict[str, Any] = {"synopsis": {"use": "states", "states": ["-"]}, "regularizers": []}
    return load_spec(
        written,
        overrides=[*chosen, *given.overrides],
        plugins=given.plugins,
        defaults=own_defaults(),
        guard=given.guard(),
    )


def _blocks(written: str | None) -> tuple[int, int] | None:
    """``4-7``, or ``4``.

    Raises:
        SpecError: it is something else.
    """
    if written is None:
        return None
    try:
        first, _, last = written.partition("-")
        found = int(first), int(last or first)
    except ValueError:
        found = (1, 0)
    if not 0 <= found[0] <= found[1]:
        raise SpecError(f"--blocks {printable(written)}: write the first and the last block, such as 0-9")
    return found


def _check_free(out: Path, names: Iterable[str], *, overwrite: bool) -> None:
    for name in names:
        if (out / name).exists() and not overwrite:
            shown = printable(str(out / name))
            raise OutputError(f"{shown} exists", hint="choose another folder with --out, or add --overwrite")


def _write(out: Path, files: Iterable[tuple[str, bytes]]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files:
            write_whole(out / name, content)
            document(f"{out / name}\n")
    except OSError as error:
        raise OutputError(f"{printable(str(out))} cannot be written: {error.strerror}") from error


analyze.add_command(levels)
