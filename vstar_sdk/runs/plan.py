"""The plan of a run: everything that can be decided and checked before a model is loaded. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from vstar_sdk.attention.check import check_guided
from vstar_sdk.attention.plan import AttentionPlan, plan_attention
from vstar_sdk.attention.sites import Site, fused_sites
from vstar_sdk.attention.telling import reading_sites, with_text
from vstar_sdk.errors import ModelError, SpecError
from vstar_sdk.footage import Footage, Sound
from vstar_sdk.models.contract import ModelSource
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.range import out_of_range
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.runs.beginning import Beginning, beginning_of
from vstar_sdk.runs.caching import check_cache
from vstar_sdk.runs.engine import Engine, engine_of
from vstar_sdk.runs.exporters import carrying, check_exporters
from vstar_sdk.runs.finishing import finished_timeline, finishing_of, from_spec, with_files
from vstar_sdk.runs.kept import Kept, kept_of
from vstar_sdk.runs.measuring import check_metrics
from vstar_sdk.runs.settings import Settings, settings_of
from vstar_sdk.runs.sharing import check_shared
from vstar_sdk.runs.story import Story, check_story, write_story
from vstar_sdk.spec.loading import LoadedSpec
from vstar_sdk.spec.run_spec import RunSpec
from vstar_sdk.synopsis.contract import CheckedWriter, SynopsisWriter
from vstar_sdk.texts.contract import Text


@dataclass(frozen=True)
class Plan:
    """A run, decided and checked.

    A plan can be pickled: the spec, the model's facts, the numbers, the story, what is kept and what it begins with travel by
    value, and the parts are made again where it arrives. Two plans are equal where these six are.

    Attributes:
        loaded: the spec and the parts it may name.
        source: the model, not loaded.
        facts: the model's configuration.
        settings: the numbers.
        final: what is written: size, number and rate of the frames behind the finishers.
        sound: that goes with them, or None.
        engine: the parts that denoise.
        regularizers: their options, as the resolved spec has them.
        attention: what the regularizers do at every site, and the branches of the guidance that change theirs.
        writer: the synopsis part.
        text: how the key states reach the frames.
        story: the key states, when they can be written offline; else None until the run asks the writer.
        kept: what stays of an earlier run; None where all is made again.
        beginning: the pictures and clips that it begins or ends with; None without any.
    """

    loaded: LoadedSpec
    source: ModelSource = field(compare=False)
    facts: Facts
    settings: Settings
    final: Footage = field(compare=False)
    sound: Sound | None = field(compare=False)
    engine: Engine = field(compare=False)
    regularizers: tuple[RegularizerOptions, ...] = field(compare=False)
    attention: AttentionPlan = field(compare=False)
    writer: SynopsisWriter = field(compare=False)
    text: Text = field(compare=False)
    story: Story | None
    kept: Kept | None = None
    beginning: Beginning | None = None

    @property
    def spec(self) -> RunSpec:
        """The spec as it was given."""
        return self.loaded.spec

    def tell_story(self) -> Story:
        """The story; the writer is asked if it has not written it yet.

        Raises:
            SpecError: the prompt cannot be read, or the states do not fit.
            BackendError: a language model gave nothing usable.
        """
        return self.story or write_story(self.loaded, self.writer, self.settings, self.facts, self.text.reads)

    def warnings(self, story: Story | None = None) -> tuple[str, ...]:
        """What the user should know before the run: numbers far from the model's own, and what the story says of itself.

        Args:
            story: that was written meanwhile; None for the plan's own, if it has one.
        """
        numbers, chosen = self.settings, story or self.story
        strays = out_of_range(self.facts, numbers.frames, numbers.width, numbers.height, numbers.fps)
        unheard = (
            [f"no exporter of the spec writes the sound {self.sound.name}: mp4 would"]
            if self.sound and not carrying(self.loaded)
            else []
        )
        paced = self.beginning.warnings(numbers.fps) if self.beginning else ()
        return (*(chosen.warnings(self.facts) if chosen else ()), *strays, *unheard, *paced)

    def summary(self) -> str:
        """The run in one line."""
        numbers = self.settings
        states = _states(len(self.story.synopsis.states)) if self.story else "states to be written"
        return (
            f"{numbers.frames} frames of {numbers.width}x{numbers.height} at {numbers.fps:g} fps, {states}, "
            f"{numbers.steps} steps on {self.facts.name}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by value; see the class."""
        return _made, (self.loaded, self.facts, self.settings, self.story, self.kept, self.beginning)


def _facts(loaded: LoadedSpec, source: ModelSource) -> Facts:
    try:
        return source.facts()
    except ModelError as error:
        raise loaded.model_error(error) from None


def _states(number: int) -> str:
    return f"{number} state{'' if number == 1 else 's'}"


def make_plan(loaded: LoadedSpec) -> Plan:
    """Decide and check everything that can be before a model is loaded.

    Raises:
        SpecError: something does not fit the model, with its place in the spec.
        TemplateError: the synopsis template is wrong.
        ModelError: the model's files are missing.
    """
    try:
        source: ModelSource = loaded.catalog.make("models", loaded.spec.model)
        facts = _facts(loaded, source).preset(loaded.spec.sampling.preset)
        engine = engine_of(loaded, facts)
        settings = settings_of(loaded.spec, facts, engine)
        text = _text(loaded)
        facts.check_text(text.reads, loaded.spec.timeline.part)
        regularizers = _regularizers(loaded, facts)
        attention = _attention(loaded, regularizers, facts, settings, engine, text)
        check_cache(loaded, source, attention, engine.sampler_name, settings.steps)
        finishing = finishing_of(loaded, settings.footage(loaded.spec.prompt))
        final = finishing.final
        clock = facts.clock(settings.frames, settings.fps)
        kept, beginning = kept_of(loaded, facts, settings), beginning_of(loaded, facts, settings)
        check_exporters(loaded, final)
        writer: SynopsisWriter = loaded.catalog.make("synopses", loaded.spec.synopsis)
        check_shared(loaded.spec, offline=writer.offline)
    except SpecError as error:
        raise loaded.error(error) from None
    story = None
    if writer.offline:
        story = write_story(loaded, writer, settings, facts, text.reads)
    elif isinstance(writer, CheckedWriter):
        check_story(loaded, writer, settings, facts, text.reads)
    told = replace(final, anchors=_anchors(loaded, story, final))
    try:
        check_metrics(loaded, told, [Site.at(address, clock) for address in facts.sites], settings.steps)
    except SpecError as error:
        raise loaded.error(error) from None
    return Plan(
        loaded,
        source,
        facts,
        settings,
        final,
        finishing.sound,
        engine,
        regularizers,
        attention,
        writer,
        text,
        story,
        kept,
        beginning,
    )


def _regularizers(loaded: LoadedSpec, facts: Facts) -> tuple[RegularizerOptions, ...]:
    """The options of the regularizers, with the defaults that are right for the model, and the files that they name read.

    Raises:
        SpecError: one cannot be read; with its path in the spec.
    """
    found: list[RegularizerOptions] = []
    for index, options in enumerate(cast(list[RegularizerOptions], loaded.spec.regularizers)):
        try:
            found.append(with_files(options.for_joint() if facts.joint else options, partial(from_spec, loaded)).resolved())
        except SpecError as error:
            raise error.under("regularizers", index) from None
    return tuple(found)


def _text(loaded: LoadedSpec) -> Text:
    return loaded.catalog.make("texts", loaded.spec.timeline, path=("timeline",))


def _attention(
    loaded: LoadedSpec,
    chosen: Iterable[RegularizerOptions],
    facts: Facts,
    settings: Settings,
    engine: Engine,
    text: Text,
) -> AttentionPlan:
    regularizers = [
        loaded.catalog.make("regularizers", options, path=("regularizers", index)) for index, options in enumerate(chosen)
    ]
    clock = facts.clock(settings.frames, settings.fps)
    readers = facts.text_sites if text.reads == "states" else ()
    sites = reading_sites(facts.sites, readers)
    if getattr(loaded.spec.model, "fused", False):
        sites = fused_sites(sites)
    plan = plan_attention(sites, regularizers, clock, settings.steps, engine.changed)
    if engine.scale == 1.0:
        for planned in plan.sites:
            check_guided(planned.acts)
    return with_text(plan, readers, loaded.spec.timeline.part)


def _anchors(loaded: LoadedSpec, story: Story | None, final: Footage) -> tuple[int, ...]:
    """Where the states stand in the finished clip; of a story that is still to be written, as many as are asked for, or two."""
    if story is not None:
        return finished_timeline(loaded, story, final).anchors
    asked_for: object = getattr(loaded.spec.synopsis, "states", None)
    return tuple(range(asked_for if isinstance(asked_for, int) else 2))


def _made(
    loaded: LoadedSpec,
    facts: Facts,
    settings: Settings,
    story: Story | None,
    kept: Kept | None,
    beginning: Beginning | None,
) -> Plan:
    """The plan again, its parts made again."""
    source, writer = loaded.catalog.make("models", loaded.spec.model), loaded.catalog.make("synopses", loaded.spec.synopsis)
    engine, text = engine_of(loaded, facts), _text(loaded)
    regularizers = _regularizers(loaded, facts)
    attention = _attention(loaded, regularizers, facts, settings, engine, text)
    finishing = finishing_of(loaded, settings.footage(loaded.spec.prompt))
    final, sound = finishing.final, finishing.sound
    return Plan(
        loaded, source, facts, settings, final, sound, engine, regularizers, attention, writer, text, story, kept, beginning
    )
