"""The story of a run: its key states, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vstar_sdk.errors import SpecError
from vstar_sdk.models.facts import Facts
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.runs.settings import Settings
from vstar_sdk.spec.loading import LoadedSpec
from vstar_sdk.synopses import Synopsis
from vstar_sdk.synopsis.contract import Brief, CheckedWriter, SynopsisWriter
from vstar_sdk.timeline import Timeline, build


@dataclass(frozen=True)
class Story:
    """Key states placed on the frames.

    Attributes:
        synopsis: the key states, as the plugins' transforms left them.
        written: the key states as the synopsis part wrote them.
        timeline: their weights in every frame.
        negative_prompt: the one that counts: the spec's, else the synopsis's, else the model's own.
    """

    synopsis: Synopsis
    written: Synopsis
    timeline: Timeline
    negative_prompt: str

    def warnings(self, facts: Facts) -> tuple[str, ...]:
        """What the user should know of it: from its writer, and words that the model was not trained with.

        Args:
            facts: of the model.
        """
        found = list(self.written.warnings)
        for number, prompt in enumerate(self.synopsis.prompts(), 1):
            if unknown := facts.unknown_words(prompt):
                words = ", ".join(f"'{word}'" for word in unknown)
                found.append(f"state {number}, '{prompt}': {facts.name} was not trained with {words}")
        return tuple(found)


def write_story(loaded: LoadedSpec, writer: SynopsisWriter, settings: Settings, facts: Facts, reads: str) -> Story:
    """Have the synopsis written, and place its states.

    Args:
        loaded: the spec.
        writer: its synopsis part.
        settings: frames of the clip, and frames a second.
        facts: of the model, which may have a negative prompt of its own.
        reads: what the text part has the frames read.

    Raises:
        SpecError: the prompt cannot be read, the states do not fit, or the model has one text for all frames; with the place in
            the spec.
        BackendError: a language model gave nothing usable.
        PluginError: a plugin failed to transform the synopsis.
    """
    spec = loaded.spec
    brief = _brief(loaded, settings)
    try:
        written = writer.write(brief)
        synopsis = Transforms(loaded.participants).synopsis(written, brief)
        facts.check_states(len({*synopsis.prompts()}), reads)
        facts.check_weights(len(synopsis.states))
        timeline = build(synopsis.states, settings.frames, settings.fps, spec.timeline.interpolation)
    except SpecError as error:
        raise _placed(loaded, error) from None
    finally:
        writer.close()
    chosen = (spec.negative_prompt, synopsis.negative_prompt, facts.negative_prompt)
    return Story(synopsis, written, timeline, next(text for text in chosen if text is not None))


def synopsis_data(story: Story) -> Mapping[str, object]:
    """What ``synopsis.json`` holds: the states, the frames that they rule, and what was said to a language model."""
    states = [
        {"caption": state.caption, "anchor": anchor, "rules": list(span)}
        for state, anchor, span in zip(story.synopsis.states, story.timeline.anchors, story.timeline.spans(), strict=True)
    ]
    return {
        "states": states,
        "style": story.synopsis.style,
        "negative_prompt": story.negative_prompt,
        "interpolation": story.timeline.interpolation,
        "transcript": [dict(exchange) for exchange in story.written.transcript],
    }


def check_story(loaded: LoadedSpec, writer: CheckedWriter, settings: Settings, facts: Facts, reads: str) -> None:
    """Have the writer find what is wrong before a language model is asked.

    Args:
        loaded: the spec.
        writer: its synopsis part.
        settings: frames of the clip, and frames a second.
        facts: of the model, which may have one text for all frames.
        reads: what the text part has the frames read.

    Raises:
        SpecError: the prompt or an option cannot be used; with the place in the spec.
        TemplateError: the template is wrong.
    """
    asked_for: object = getattr(loaded.spec.synopsis, "states", None)
    try:
        if isinstance(asked_for, int):
            facts.check_states(asked_for, reads)
            facts.check_weights(asked_for)
        writer.check(_brief(loaded, settings))
    except SpecError as error:
        raise _placed(loaded, error) from None


def _brief(loaded: LoadedSpec, settings: Settings) -> Brief:
    return Brief(
        prompt=loaded.spec.prompt,
        frames=settings.frames,
        fps=settings.fps,
        folder=loaded.document.folder,
        templates=loaded.catalog.templates,
    )


def _placed(loaded: LoadedSpec, error: SpecError) -> SpecError:
    return loaded.error(error if error.path[:1] in (("prompt",), ("model",)) else error.under("synopsis"))
