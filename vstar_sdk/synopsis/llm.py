"""``llm``: a language model turns the prompt into key states (VSTAR, video synopsis prompting)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from vstar_sdk.errors import SpecError, SpecPath
from vstar_sdk.llm.contract import Backend
from vstar_sdk.options import Options, PartOf
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.reach import File, Reached, Reaches
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.synopsis.answers import FEWEST, MOST
from vstar_sdk.synopsis.contract import Brief
from vstar_sdk.synopsis.conversation import WRITE_THEM, Question, converse

if TYPE_CHECKING:
    from vstar_sdk.templating.rendering import Rendered
    from vstar_sdk.templating.templates import Template

InputValue = Annotated[str, Field(max_length=10_000)] | int | float | bool | None
"""A text, a number, true, false or null."""


def _reached(template: str, folder: Path | None) -> Reached | None:
    from vstar_sdk.templating.templates import file_of

    path = file_of(template, folder=folder)
    return None if path is None else File(path)


class LlmOptions(Options):
    """A language model writes the key states."""

    backend: Annotated[Options, PartOf("llm_backends", default="anthropic")] = Field(
        default_factory=lambda: {"use": "anthropic"}, validate_default=True
    )
    """The language model."""
    template: Annotated[str, Reaches(_reached)] = Field(default="key-states", min_length=1, max_length=500)
    """The messages to it: a built-in template, a plugin's `namespace/name`, or the path of a `.jinja` file."""
    inputs: dict[str, InputValue | list[InputValue]] = Field(default_factory=dict, max_length=50)
    """Values for the template's own inputs: `vstar templates show NAME` lists them."""
    states: int | None = Field(default=4, ge=FEWEST, le=MOST)
    """How many key states; null lets the model choose."""
    rounds: int = Field(default=2, ge=1, le=8)
    """Requests at most: after a faulty answer the model is asked again, with the faults."""
    style: str = Field(default="", max_length=1000)
    """Words added to every caption; left out, those that the model takes from the prompt."""
    negative_prompt: str | None = Field(default=None, max_length=1000)
    """What should not be seen; the spec's own `negative_prompt` goes before it."""


class LlmWriter:
    """Asks a backend, checks its answer, and has it fixed within the options' rounds.

    Args:
        options: the validated options.
        backend: the language model.
    """

    offline = False

    def __init__(self, options: LlmOptions, *, backend: Backend) -> None:
        self._options = options
        self._backend = backend

    def write(self, brief: Brief) -> Synopsis:
        """Ask for the key states of the brief's prompt.

        Raises:
            SpecError: see `check`.
            TemplateError: see `check`.
            BackendError: no answer, a refusal, or no usable answer in any of the rounds.
        """
        template, messages = self._fill_in(brief)
        question = Question(messages.system, messages.user, brief.prompt, _source(template))
        answer, exchanges, warnings = converse(self._backend, question, states=self._options.states, rounds=self._options.rounds)
        return Synopsis(
            states=tuple(State(state.caption) for state in answer.states),
            style=self._options.style or answer.style,
            negative_prompt=self._options.negative_prompt,
            transcript=exchanges,
            warnings=warnings,
        )

    def check(self, brief: Brief) -> None:
        """Find the template and fill it in; no model is asked.

        Raises:
            SpecError: there is no prompt, the states do not fit into the frames, there is no such template, or it does not take
                the inputs.
            TemplateError: the template is wrong.
        """
        self._fill_in(brief)

    def _fill_in(self, brief: Brief) -> tuple[Template, Rendered]:
        """The template, and what it says of this brief."""
        _check(brief, self._options.states)
        # Jinja and YAML are loaded by runs that ask a language model only.
        from vstar_sdk.templating.rendering import InputError, render
        from vstar_sdk.templating.templates import UnknownTemplate, load

        try:
            template = load(self._options.template, folder=brief.folder, registered=brief.templates)
            return template, render(template, self._given(brief), self._options.inputs)
        except UnknownTemplate as error:
            raise SpecError(error.message, hint=error.hint, path=("template",)) from None
        except InputError as error:
            raise SpecError(error.message, hint=error.hint, path=_place_of(error.name)) from None

    def close(self) -> None:
        """Release the backend's connection or memory."""
        self._backend.close()

    def _given(self, brief: Brief) -> dict[str, str | int | float | None]:
        """The variables that every template is given; see `vstar_sdk.templating.inputs.GIVEN`."""
        return {
            "prompt": brief.prompt,
            "style": self._options.style,
            "states": self._options.states,
            "frames": brief.frames,
            "fps": brief.fps,
            "seconds": brief.frames / brief.fps,
        }


def _source(template: Template) -> dict[str, object]:
    """The template in a transcript; of one that is named by its path, the file's name alone."""
    name = template.path.name if template.origin == "path" else template.name
    return {"name": name, "version": template.about.version, "sha256": template.sha256}


def _place_of(variable: str) -> SpecPath:
    """Where a template's variable stands in a spec, relative to the options."""
    if variable in ("prompt", "style", "states"):
        return (variable,)
    return ("template",) if variable in ("frames", "fps", "seconds") else ("inputs", variable)


def _check(brief: Brief, states: int | None) -> None:
    """Refuse what is not worth a question."""
    if not brief.prompt.strip():
        raise SpecError("is empty: a language model needs a prompt to write key states", path=("prompt",), hint=WRITE_THEM)
    fewest = states or FEWEST
    if fewest > brief.frames:
        raise SpecError(
            f"{fewest} states do not fit into {brief.frames} frame{'s' if brief.frames > 1 else ''}",
            path=("states",),
            hint=f"use at least {fewest} frames, or fewer states",
        )


@hookimpl
def register_synopses(register: Register) -> None:
    """Offer ``llm``."""
    register("llm", options=LlmOptions, factory=LlmWriter, summary="A language model writes the key states.")
