"""One side of a comparison: a fragment on a model at a length. Its clips are the cells of sweeps, one for each seed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.grammar import vocabulary
from vstar_sdk.runs.instruments import metrics_of
from vstar_sdk.runs.measuring import Measuring, check_maps
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.scoring.codes import codes, contents
from vstar_sdk.scoring.fragments import Fragment, applied
from vstar_sdk.scoring.measures import METRICS
from vstar_sdk.scoring.stories import ORDER, Story, stories_of
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.loading import SpecLoader
from vstar_sdk.spec.mentions import listed, mentions
from vstar_sdk.spec.overrides import overridden
from vstar_sdk.sweeps.axes import Axis
from vstar_sdk.sweeps.index import Cell, Sweep
from vstar_sdk.weights.directory import weight_hashes

_OURS = ("prompt", "seed", "frames", "metrics", "output", "latents", "expect", "start", "size", "sweep", "executor")
"""Keys that a score sets itself."""

_MODELS = "--model miniworld, or another model that was trained on its scenes"

_ALL = stories_of(ORDER)
"""In the order of the cells."""


@dataclass(frozen=True)
class Setting:
    """What both sides share.

    Attributes:
        model: as in ``use``.
        frames: of every clip.
        one_prompt: the prompt alone tells the story; else the key states that the world's writer makes of it.
        overrides: assignments for both sides, such as ``sampling.steps=12``.
    """

    model: str = "miniworld"
    frames: int = 16
    one_prompt: bool = False
    overrides: tuple[str, ...] = ()

    def base(self) -> dict[str, Any]:
        """The spec, without what changes from clip to clip.

        Raises:
            SpecError: an assignment sets what a score sets itself.
        """
        document = Document(
            {
                "model": {"use": self.model},
                "frames": self.frames,
                "synopsis": {"use": "none" if self.one_prompt else "miniworld"},
                "regularizers": [],
                "output": [{"use": "mp4"}],
                "latents": False,
            }
        )
        for assignment in self.overrides:
            document = overridden(document, assignment)
        for path in document.given:
            if path[0] in _OURS or path == ("model", "use"):
                raise SpecError(f"--set {path[0]}: a score sets it itself", hint="see --model, --frames, --families and --seeds")
        return document.data


@dataclass(frozen=True, eq=False)
class Condition:
    """One side of a comparison.

    Attributes:
        fragment: what is scored; without anything it is the model alone.
        setting: what both sides share.
    """

    fragment: Fragment
    setting: Setting

    @property
    def label(self) -> str:
        """What to call it."""
        return self.fragment.label or ("the model alone, one prompt" if self.setting.one_prompt else "the model alone")

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The spec of all its clips, without prompt, seed and metrics."""
        return applied(self.setting.base(), self.fragment)

    @cached_property
    def measured(self) -> Mapping[Story, Measured]:
        """What can be measured of every story.

        Raises:
            ModelError: the model's files are missing.
            PluginError: a part is broken.
        """
        loader, found = SpecLoader(), dict[Story, Measured]()
        for story in _ALL:
            try:
                found[story] = self._measured(loader, story)
            except SpecError as error:
                found[story] = Measured((), {}, error)
        return found

    def check(self, stories: Sequence[Story]) -> None:
        """Plan a clip of each story.

        Raises:
            SpecError: it cannot be run on the model; the message names it.
            ModelError: the model's files are missing.
            PluginError: a part is broken.
        """
        for story in stories:
            if (error := self.measured[story].refused) is not None:
                where = f"{self.label} cannot tell '{story.name}' on {self.setting.model} with {self.setting.frames} frames"
                hint = error.hint or (_MODELS if error.message.startswith("model") else None)
                raise SpecError(f"{where}: {error.message}", hint=hint, path=error.path)

    def document(self, story: Story, seed: int) -> Document:
        """The spec of a clip."""
        clip = {"prompt": story.prompt(seed), "seed": seed, "metrics": list(self.measured[story].metrics)}
        return Document({**self.spec, **clip}, folder=self.fragment.folder)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides its clips: spec, stories, metrics, weights, and the plugins and files that it names.

        Raises:
            PluginError: a plugin is not installed.
        """
        told = [[story.name, list(self.measured[story].metrics)] for story in _ALL]
        named = sorted({*mentions(self.spec), *listed(self.spec)})
        weights = next((dict(one.weights) for one in self.measured.values() if one.refused is None), None)
        files = contents(self.spec, self.fragment.folder)
        whole = [self.spec, told, files, codes(named), weights]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()

    def sweep(self, seed: int, within: Path) -> Sweep:
        """The clips of a seed: one cell for each story of the world, in one order, whichever of them are asked for.

        Args:
            seed: of the noise, and of the colours.
            within: the folder of all clips.
        """
        axis = Axis(("prompt", "metrics"), tuple((s.prompt(seed), list(self.measured[s].metrics)) for s in _ALL))
        cells = tuple(Cell(f"{number:04}", f"{story.name}, seed {seed}", (number,)) for number, story in enumerate(_ALL))
        base = Document({**self.spec, "seed": seed}, folder=self.fragment.folder)
        slug = re.sub(r"[^a-z0-9]+", "-", self.label.lower()).strip("-")[:40]
        return Sweep(base, (axis,), cells, within / f"{slug}-{self.fingerprint[:12]}" / f"seed-{seed}")

    def cell(self, story: Story) -> str:
        """The id of a story's cell in each of its sweeps."""
        return f"{_ALL.index(story):04}"

    def _measured(self, loader: SpecLoader, story: Story) -> Measured:
        data = {**self.spec, "prompt": story.prompt(0)}
        plan = make_plan(loader.load(Document(data, folder=self.fragment.folder)))
        known = plan.facts.vocabulary
        if known is None or not vocabulary() <= known:
            raise SpecError(
                f"{self.setting.model} does not show the embedded world, so nothing is known of what its clips should show",
                hint=_MODELS,
                path=("model",),
            )
        sites = [Site.at(address, plan.attention.clock) for address in plan.facts.sites]
        able, unable = list[Mapping[str, Any]](), dict[str, str]()
        wanted = {**data, "metrics": [dict(metric) for metric in METRICS[story.kind]]}
        instruments = metrics_of(loader.load(Document(wanted, folder=self.fragment.folder)))
        for metric, instrument in zip(METRICS[story.kind], instruments, strict=True):
            try:
                Measuring([instrument], plan.final)
                check_maps(instrument, sites, plan.settings.steps)
            except SpecError as error:
                unable[metric["use"]] = error.message
            else:
                able.append(dict(metric))
        directory: object = getattr(plan.source, "directory", None)
        return Measured(tuple(able), unable, weights=weight_hashes(directory) if isinstance(directory, Path) else {})


@dataclass(frozen=True)
class Measured:
    """What can be measured of a story.

    Attributes:
        metrics: as they stand in a spec.
        left_out: why others cannot, by name.
        refused: why it cannot be told at all; None: it can.
        weights: SHA-256 of the model's files, where it is a directory.
    """

    metrics: tuple[Mapping[str, Any], ...]
    left_out: Mapping[str, str]
    refused: SpecError | None = None
    weights: Mapping[str, str] = field(default_factory=dict[str, str])
