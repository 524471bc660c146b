"""A part of a run against another, on the embedded world."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstar_sdk.errors import SpecError
from vstar_sdk.metrics.intervals import RESAMPLES
from vstar_sdk.scoring.clips import ClipOf, clips_of, make
from vstar_sdk.scoring.comparison import FEWEST, Row, compare
from vstar_sdk.scoring.conditions import Condition, Setting
from vstar_sdk.scoring.fragments import Written, read_fragment
from vstar_sdk.scoring.stories import Story, stories_of


@dataclass(frozen=True)
class Score:
    """What came of one comparison, on one model at one length.

    Attributes:
        part: what was scored.
        against: what it was compared with.
        setting: what both sides share.
        stories: what was told.
        seeds: how often each, from seed 0.
        rows: the numbers of both sides.
        left_out: names of numbers that are not compared, and why.
        failed: clips of both sides that failed.
        clips: those of the part, then those of the other side.
    """

    part: str
    against: str
    setting: Setting
    stories: tuple[Story, ...]
    seeds: int
    rows: tuple[Row, ...]
    left_out: dict[str, str]
    failed: tuple[ClipOf, ...]
    clips: tuple[ClipOf, ...]

    @property
    def title(self) -> str:
        """What is compared, in a line."""
        return f"{self.part} against {self.against}: {self.setting.model}, {self.setting.frames} frames"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done, and what may be said of it."""
        from vstar_sdk.miniworld.judge import judge

        told = [story for story in self.stories if story.kind == "story"]
        pans = [story for story in self.stories if story.kind == "pan"]
        errors = [judge().error[story.family] for story in told]
        how = "by one prompt" if self.setting.one_prompt else "by key states (VSP)"
        said = ", ".join(story.family for story in told) + (
            f"; pans: {', '.join(story.family for story in pans)}" if pans else ""
        )
        seeds = "seed 0" if self.seeds == 1 else f"seeds 0 to {self.seeds - 1}"
        chance = 0.05 * sum(row.difference.n >= FEWEST for row in self.rows)
        return (
            f"Both sides tell the same stories {how} with the same {seeds}: {said}.",
            "A difference is the mean of pairs of one story and one seed; in brackets its 95 % interval, by "
            f"{RESAMPLES:,} bootstrap draws of the pairs.",
            f"A difference whose interval contains 0 is no finding, nor is one of fewer than {FEWEST} pairs. Of these rows, "
            f"about {chance:.1f} would differ by chance alone. Intervals of few pairs are too narrow.",
            f"{self.setting.model} was trained on these scenes: what holds in its world need not hold for another model.",
            f"Stages are read by the world's judge, whose own mean error here is {sum(errors) / len(errors):.3f}.",
            "diagonalness is of the attention itself: whatever changes attention changes it. A clip that stands still has little "
            "flicker: read flicker with moved and evolution.",
        )

    def json(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "part": self.part,
            "against": self.against,
            "model": self.setting.model,
            "frames": self.setting.frames,
            "one_prompt": self.setting.one_prompt,
            "set": list(self.setting.overrides),
            "stories": [story.name for story in self.stories],
            "seeds": self.seeds,
            "rows": [row.json() for row in self.rows],
            "left_out": self.left_out,
            "notes": list(self.notes),
            "failed": [_failed(clip) for clip in self.failed],
        }


def _failed(clip: ClipOf) -> dict[str, Any]:
    return {"story": clip.story.name, "seed": clip.seed, "directory": str(clip.directory), "message": clip.failed}


def score(
    parts: Sequence[Written] = (),
    *,
    out: str | Path,
    models: Sequence[str] = ("miniworld",),
    frames: Sequence[int] = (16,),
    families: Sequence[str] = (),
    seeds: int = 3,
    against: Sequence[Written] = (),
    one_prompt: bool = False,
    overrides: Sequence[str] = (),
    report: Callable[[str], object] = lambda line: None,
) -> tuple[Score, ...]:
    """Score a part, or a combination of parts, against another on the embedded world, paired by story and seed.

    ::

        (found,) = vstar_sdk.score(["tar"], out="scores", seeds=5)
        print([(row.measure.name, row.difference, row.verdict) for row in found.rows])

    Args:
        parts: each the name of a part, a mapping with ``use`` and options (as a text or not), an assignment ``PATH=VALUE``, or a
            YAML file with keys of a spec, or a mapping of these; several are a combination.
        out: the folder of clips. What is there is not made again; scores in one folder share their clips.
        models: as in ``use``; they must show the embedded world.
        frames: lengths; a score is made for each model and length.
        families: of scenes, by name, or one number of them; none named: all.
        seeds: how many.
        against: what it is compared with, written as ``parts``; none: the model alone.
        one_prompt: the prompt alone tells the stories, on both sides; else the key states that the world's writer makes of it.
        overrides: assignments for both sides, such as ``sampling.steps=12``.
        report: told a line after each clip.

    Returns:
        A score for each model and length.

    Raises:
        SpecError: a part cannot be run on a model at a length, or something here is wrong; nothing was made.
        PluginError: a part is broken.
        ModelError: a model's files are missing.
        OutputError: ``out`` cannot be written.
        VstarError: a side fails from its first clips on.
    """
    planned = plan_score(
        parts,
        out=out,
        models=models,
        frames=frames,
        families=families,
        seeds=seeds,
        against=against,
        one_prompt=one_prompt,
        overrides=overrides,
    )
    planned.make(report)
    return planned.scores()


@dataclass(frozen=True)
class ScorePlan:
    """Scores, decided and checked; nothing is made yet.

    Attributes:
        pairs: the part and the other side, for each model and length.
        stories: that both tell.
        seeds: how many.
        out: the folder of clips.
    """

    pairs: tuple[tuple[Condition, Condition], ...]
    stories: tuple[Story, ...]
    seeds: int
    out: Path

    @property
    def clips(self) -> int:
        """How many there are to be, those included that are there already."""
        return 2 * len(self.pairs) * len(self.stories) * self.seeds

    def left(self) -> int:
        """How many are to be made."""
        sides = [side for pair in self.pairs for side in pair]
        return sum(not clip.made for side in sides for clip in clips_of(side, self.stories, self.seeds, self.out))

    def make(self, report: Callable[[str], object] = lambda line: None) -> None:
        """Make the clips that are not there; see `vstar_sdk.scoring.clips.make`."""
        for pair in self.pairs:
            make(pair, self.stories, self.seeds, self.out, report=report)

    def scores(self) -> tuple[Score, ...]:
        """What came of the clips that are there."""
        return tuple(_score(ours, theirs, self.stories, self.seeds, self.out) for ours, theirs in self.pairs)


def plan_score(
    parts: Sequence[Written],
    *,
    out: str | Path,
    models: Sequence[str],
    frames: Sequence[int],
    families: Sequence[str],
    seeds: int,
    against: Sequence[Written],
    one_prompt: bool,
    overrides: Sequence[str],
) -> ScorePlan:
    """Check a score; see `score`.

    Raises:
        SpecError: a part cannot be run on a model at a length, or there is nothing to compare.
        PluginError: a plugin is not installed, or broken.
        ModelError: a model's files are missing.
    """
    if seeds < 1:
        raise SpecError(f"{seeds} seeds: a score needs at least 1")
    ours, theirs, stories = read_fragment(parts), read_fragment(against), stories_of(families)
    if ours.data == theirs.data:
        raise SpecError("both sides are the same: there is nothing to compare", hint="name a part: vstar score tar")
    settings = [Setting(model, count, one_prompt, tuple(overrides)) for model in models for count in frames]
    pairs = tuple((Condition(ours, setting), Condition(theirs, setting)) for setting in settings)
    for pair in pairs:
        for side in pair:
            side.check(stories)
    return ScorePlan(pairs, stories, seeds, Path(out))


def file_name(score: Score) -> str:
    """A name for the files of a score, without suffix: ``tar-against-the-model-alone-miniworld-16``."""
    told = "-one-prompt" if score.setting.one_prompt else ""
    text = f"{score.part[:60]} against {score.against[:60]} {score.setting.model} {score.setting.frames}{told}"
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def _score(ours: Condition, theirs: Condition, stories: tuple[Story, ...], seeds: int, out: Path) -> Score:
    mine, others = (tuple(clips_of(side, stories, seeds, out)) for side in (ours, theirs))
    rows = compare(_by_pair(mine), _by_pair(others))
    left_out = {
        use: f"{why}{'' if side is ours else f' ({side.label})'}"
        for side in (theirs, ours)
        for use, why in _never_measured(side, stories).items()
    }
    failed = tuple(clip for clip in (*mine, *others) if clip.failed is not None)
    return Score(ours.label, theirs.label, ours.setting, stories, seeds, rows, left_out, failed, (*mine, *others))


def _by_pair(clips: Sequence[ClipOf]) -> dict[tuple[str, int], Mapping[str, float]]:
    return {(clip.story.name, clip.seed): clip.numbers for clip in clips}


def _never_measured(side: Condition, stories: Sequence[Story]) -> dict[str, str]:
    """Metrics that no story of a side can be measured by, and why."""
    able = {metric["use"] for story in stories for metric in side.measured[story].metrics}
    whys = {use: why for story in stories for use, why in side.measured[story].left_out.items()}
    return {use: why for use, why in whys.items() if use not in able}
