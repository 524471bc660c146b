"""The plan of a run: everything that can be decided and checked before a model is loaded. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from vstar_sdk import moments
from vstar_sdk.attention.plan import Plan as AttentionPlan
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.models.contract import Facts, ModelSource
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.output.contract import Exporter
from vstar_sdk.output.drafts import drafts_for
from vstar_sdk.runs.story import Story, check_story, write_story
from vstar_sdk.sampling.schedulers import takes_eta
from vstar_sdk.spec.loading import LoadedSpec, load_spec
from vstar_sdk.spec.run_spec import RunSpec
from vstar_sdk.synopsis.contract import CheckedWriter, SynopsisWriter
from vstar_sdk.synopsis.states import to_options

MOST_FRAMES = 10_000
"""Frames of the longest clip: a typing error should not fill the memory."""


MOST_PIXELS = 4096 * 4096
"""Pixels of the largest picture, for the same reason."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The numbers of a run, the model's own filled in where the spec is silent."""

    frames: int
    width: int
    height: int
    fps: float
    seed: int
    steps: int
    scheduler: str
    guidance: float
    eta: float
    guidance_batch: Literal["one", "two"]


@dataclass(frozen=True)
class Plan:
    """A run, decided and checked.

    Attributes:
        loaded: the spec and the parts it may name.
        source: the model, not loaded.
        facts: the model's configuration.
        settings: the numbers.
        attention: what the regularizers do at every site.
        writer: the synopsis part.
        story: the key states, when they can be written offline; else None until the run asks the writer.
    """

    loaded: LoadedSpec
    source: ModelSource
    facts: Facts
    settings: Settings
    attention: AttentionPlan
    writer: SynopsisWriter
    story: Story | None

    @property
    def spec(self) -> RunSpec:
        """The spec as it was given."""
        return self.loaded.spec

    def exporters(self) -> list[tuple[str, Exporter]]:
        """Names, as in ``use``, and new exporters."""
        return _exporters(self.loaded)

    def tell_story(self) -> Story:
        """The story; the writer is asked if it has not written it yet.

        Raises:
            SpecError: the prompt cannot be read, or the states do not fit.
            BackendError: a language model gave nothing usable.
        """
        return self.story or write_story(
            self.loaded,
            self.writer,
            frames=self.settings.frames,
            fps=self.settings.fps,
            negative_prompt=self.facts.negative_prompt,
        )

    def resolved(self, story: Story, dtype: str | None = None) -> RunSpec:
        """The spec with every default filled in and the states written out: running it again gives the same video.

        The states are those before `transform_synopsis`, which the plugins that it lists will apply again.

        Args:
            story: the story that was told.
            dtype: the precision that ``auto`` came to.
        """
        settings = self.settings
        data: dict[str, Any] = self.spec.model_dump(mode="json") | {
            "frames": settings.frames,
            "size": [settings.width, settings.height],
            "fps": settings.fps,
            "negative_prompt": story.negative_prompt,
            "regularizers": [options.model_dump(mode="json") for options in _regularizers(self.spec, self.facts)],
            "synopsis": to_options(story.written),
            "sampling": {
                "steps": settings.steps,
                "scheduler": settings.scheduler,
                "guidance": settings.guidance,
                "eta": settings.eta,
                "guidance_batch": settings.guidance_batch,
            },
        }
        if dtype is not None:
            data["model"]["dtype"] = dtype
        own = self.facts.scheduler_config
        data["model"] |= {key: own[key] for key, value in data["model"].items() if value is None and own.get(key) is not None}
        return load_spec(data, plugins=self.loaded.given).spec

    def warnings(self, story: Story) -> tuple[str, ...]:
        """What the user should know of a story: from its writer, and words that the model was never trained with."""
        found = list(story.written.warnings)
        for number, prompt in enumerate(story.synopsis.prompts(), 1):
            if unknown := self.facts.unknown_words(prompt):
                words = ", ".join(f"'{word}'" for word in unknown)
                found.append(f"state {number}, '{prompt}': {self.facts.name} was never trained with {words}")
        return tuple(found)

    def summary(self) -> str:
        """The run in one line."""
        numbers = self.settings
        states = f"{len(self.story.synopsis.states)} states" if self.story else "states to be written"
        return (
            f"{numbers.frames} frames of {numbers.width}x{numbers.height} at {numbers.fps:g} fps, {states}, "
            f"{numbers.steps} steps on {self.facts.name}"
        )


def make_plan(loaded: LoadedSpec) -> Plan:
    """Decide and check everything that can be before a model is loaded.

    Raises:
        SpecError: something does not fit the model, with its place in the spec.
        TemplateError: the synopsis template is wrong.
        ModelError: the model's files are missing.
    """
    spec, catalog = loaded.spec, loaded.catalog
    try:
        source: ModelSource = catalog.make("models", spec.model)
        facts = source.facts()
        settings = _settings(spec, facts)
        regularizers = [
            catalog.make("regularizers", options, path=("regularizers", index))
            for index, options in enumerate(_regularizers(spec, facts))
        ]
        attention = plan_attention(
            facts.sites,
            regularizers,
            frames=facts.latent_frames(settings.frames),
            fps=settings.fps / facts.temporal_compression,
            steps=settings.steps,
        )
        _check_output(loaded)
        writer: SynopsisWriter = catalog.make("synopses", spec.synopsis)
    except SpecError as error:
        raise loaded.error(error) from None
    plan = Plan(loaded, source, facts, settings, attention, writer, None)
    if not writer.offline:
        if isinstance(writer, CheckedWriter):
            check_story(loaded, writer, frames=settings.frames, fps=settings.fps)
        return plan
    return Plan(loaded, source, facts, settings, attention, writer, plan.tell_story())


def _regularizers(spec: RunSpec, facts: Facts) -> list[RegularizerOptions]:
    """The options of the regularizers, with the defaults that are right for the model."""
    written = cast(list[RegularizerOptions], spec.regularizers)
    return [options.for_joint() for options in written] if facts.joint else written


def _exporters(loaded: LoadedSpec) -> list[tuple[str, Exporter]]:
    return [
        (options.part, loaded.catalog.make("exporters", options, path=("output", index)))
        for index, options in enumerate(loaded.spec.output)
    ]


def _check_output(loaded: LoadedSpec) -> None:
    """Refuse exporters that would write to the same file."""
    try:
        drafts_for(Path("/no-such-run"), _exporters(loaded))
    except OutputError as error:
        raise SpecError(error.message, hint=error.hint, path=("output",)) from None


def _settings(spec: RunSpec, facts: Facts) -> Settings:
    fps = spec.fps or facts.fps
    frames = facts.frames if spec.frames is None else max(1, round(moments.duration(spec.frames, 0, fps)))
    if frames > MOST_FRAMES:
        raise SpecError(f"{frames} frames: a clip has at most {MOST_FRAMES}", hint="make several clips", path=("frames",))
    width, height = spec.size or (facts.width, facts.height)
    if width * height > MOST_PIXELS:
        raise SpecError(
            f"{width}x{height}: a picture has at most {MOST_PIXELS:,} pixels", hint="scale it up later", path=("size",)
        )
    facts.check(frames, width, height)
    sampling = spec.sampling
    scheduler = sampling.scheduler or facts.scheduler
    try:
        has_eta = takes_eta(scheduler)
        if sampling.eta and not has_eta:
            raise SpecError(f"the scheduler {scheduler} has no eta", hint="leave eta out, or use ddim", path=("eta",))
    except SpecError as error:
        raise error.under("sampling") from None
    eta = sampling.eta if sampling.eta is not None else facts.eta if has_eta else 0.0
    return Settings(
        frames=frames,
        width=width,
        height=height,
        fps=fps,
        seed=spec.seed,
        steps=sampling.steps or facts.steps,
        scheduler=scheduler,
        guidance=facts.guidance if sampling.guidance is None else sampling.guidance,
        eta=eta,
        guidance_batch=sampling.guidance_batch,
    )
