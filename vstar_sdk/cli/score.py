"""``vstar score``: a part against another, on the world whose truth is known."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vstar_sdk.cli.arguments import OutPath
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, document_json, say
from vstar_sdk.errors import OutputError, VstarError
from vstar_sdk.reading.escapes import json_escaped, printable

if TYPE_CHECKING:
    from vstar_sdk.scoring.clips import ClipOf
    from vstar_sdk.scoring.score import Score, ScorePlan

_SHOWN = 8
"""Failed clips that are named."""


@click.command(cls=Command)
@click.argument("parts", metavar="PART...", nargs=-1, required=True)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    default=("miniworld",),
    show_default=True,
    help="A model of the embedded world. May be repeated.",
)
@click.option(
    "--families",
    multiple=True,
    metavar="N|NAME",
    help="The first N families of scenes, or one by name. Names may be repeated. Default: all.",
)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Clips of each story.")
@click.option(
    "--frames", multiple=True, type=click.IntRange(3, 4096), default=(16,), show_default=True, help="Length. May be repeated."
)
@click.option("--against", multiple=True, metavar="PART", help="Compare with this. Default: the model alone.")
@click.option("--one-prompt", is_flag=True, help="Tell the stories by the prompt alone, on both sides, not by key states.")
@click.option(
    "-s", "--set", "overrides", metavar="PATH=VALUE", multiple=True, help="Change the spec on both sides. May be repeated."
)
@click.option(
    "-o", "--out", type=OutPath("folder"), default=Path("scores"), show_default=True, help="The folder of clips and page."
)
@click.option("--dry-run", is_flag=True, help="Check everything and say how many clips it takes; make and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def score(
    parts: tuple[str, ...],
    models: tuple[str, ...],
    families: tuple[str, ...],
    seeds: int,
    frames: tuple[int, ...],
    against: tuple[str, ...],
    one_prompt: bool,
    overrides: tuple[str, ...],
    out: Path,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score a part of a run on the embedded world, whose truth is known.

    PART is the name of a regularizer, noise, text, sampler, guidance, scheduler, synopsis or finisher; a part with options
    ('{use: tar, sigma: {0: 4}}'); a value (sampling.noise=acme/pink); or a YAML file with such keys of a spec. Several are scored
    together, as one combination.

    Both sides make the same stories with the same seeds. Each number is printed for both, with the paired difference and its
    bootstrap interval. Repeat the command to continue: clips that are in the folder are not made again, and scores in one folder
    share them.
    """
    # Threads that spin while they wait made a run seven times as long next to one busy neighbour (measured on two cores).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from vstar_sdk.scoring.score import plan_score
    from vstar_sdk.scoring.table import table

    plan = plan_score(
        parts,
        out=out,
        models=tuple(dict.fromkeys(models)),
        frames=tuple(dict.fromkeys(frames)),
        families=families,
        seeds=seeds,
        against=against,
        one_prompt=one_prompt,
        overrides=overrides,
    )
    if dry_run:
        _tell(plan, as_json=as_json)
        return
    plan.make((lambda line: None) if quiet else say)
    scores = plan.scores()
    page = _write(scores, out)
    if as_json:
        document_json({"scores": [one.json() for one in scores], "page": str(page)})
    else:
        document("\n".join(table(one) for one in scores))
        document(f"\n{page}\n")
    _check([clip for one in scores for clip in one.clips])


def _tell(plan: ScorePlan, *, as_json: bool) -> None:
    left, pairs = plan.left(), len(plan.pairs)
    ours, theirs = plan.pairs[0]
    if as_json:
        document_json({"clips": plan.clips, "left": left, "out": str(plan.out)})
        return
    compared = f"{ours.label} against {theirs.label}, on {pairs} model{'s' if pairs > 1 else ''} or lengths" if pairs > 1 else ""
    compared = compared or f"{ours.label} against {theirs.label}"
    document(f"{compared}: stories {len(plan.stories)}, seeds {plan.seeds}, clips {plan.clips}, to be made {left}\n")


def _write(scores: Sequence[Score], out: Path) -> Path:
    """Write JSON and page into the folder; those of the same score before are replaced."""
    from vstar_sdk.output.whole import write_whole
    from vstar_sdk.scoring.page import score_page
    from vstar_sdk.scoring.score import file_name

    page = out / f"{file_name(scores[0])}.html"
    data = json_escaped(json.dumps([one.json() for one in scores], ensure_ascii=False, indent=1))
    try:
        write_whole(page.with_suffix(".json"), data.encode() + b"\n")
        write_whole(page, score_page(scores, out).encode())
    except OSError as error:
        raise OutputError(f"{printable(str(page))} cannot be written: {error.strerror}") from error
    return page


def _check(clips: Sequence[ClipOf]) -> None:
    """Tell what failed, and what is not there.

    Raises:
        VstarError: some is not.
    """
    failed = [clip for clip in clips if clip.failed is not None]
    absent = sum(not clip.made for clip in clips) - len(failed)
    for clip in failed[:_SHOWN]:
        say(f"{printable(str(clip.directory))}: {printable(str(clip.failed))}", label="failed: ", color="red")
    if failed:
        said = f"{len(failed)} clip{'s' if len(failed) > 1 else ''} failed, and what was compared is the rest"
        raise VstarError(said, hint="the same command tries them again")
    if absent:
        raise VstarError(
            f"{absent} of {len(clips)} clips are not there, and what was compared is the rest",
            hint="another process is at them; the same command continues",
        )
