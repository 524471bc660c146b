"""``states``: the key states as they are written in the spec. The resolved spec of every run holds its synopsis in this form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BeforeValidator, Field, field_validator

from vstar_sdk.options import Moment, Options
from vstar_sdk.parts import Register, hookimpl
from vstar_sdk.synopses import State, Synopsis
from vstar_sdk.synopsis.contract import Brief

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

LONGEST = 1000
"""Characters of the longest caption; text encoders read far less (CLIP about 50 words)."""

MOST = 256
"""Key states of the longest story."""


class StateOptions(Options):
    """One key state."""

    caption: str = Field(
        max_length=LONGEST, json_schema_extra={"pattern": r"\S"}, examples=["a beach at noon, the sun stands high"]
    )
    """What the frames show, as one short sentence that names its subject."""
    at: Moment | None = None
    """Its anchor: a frame (`12`), seconds (`2.5s`) or a fraction (`40%`). Default: spaced evenly."""

    @field_validator("caption")
    @classmethod
    def _not_empty(cls, caption: str) -> str:
        if not caption.strip():
            raise ValueError("an empty caption: describe what this state shows")
        return caption.strip()


def _caption_alone(value: object) -> object:
    if isinstance(value, str):
        return {"caption": value}
    if not issubclass(type(value), dict | StateOptions):
        raise ValueError("a state is a caption, or a mapping of caption and at")
    return value


CaptionAlone = Annotated[str, Field(max_length=LONGEST, pattern=r"\S")]

WrittenState = Annotated[StateOptions, BeforeValidator(_caption_alone, json_schema_input_type=CaptionAlone | StateOptions)]
"""A caption, or a mapping of ``caption`` and ``at``."""


def _schedule(value: object) -> object:
    """A prompt schedule as other tools have it, moments to captions, as a list of states."""
    if isinstance(value, dict):
        return [{"caption": caption, "at": at} for at, caption in cast(dict[Any, Any], value).items()]
    return value


class _OrSchedule:
    """Adds the schedule to the JSON Schema of a list of states: keywords that go with one type leave the other alone."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        caption = {"type": "string", "minLength": 1, "maxLength": LONGEST}
        both = {"type": ["array", "object"], "minItems": 1, "minProperties": 1, "maxProperties": MOST}
        return {**handler(core_schema), **both, "additionalProperties": caption}


WrittenStates = Annotated[
    list[WrittenState],
    Field(max_length=MOST, examples=[["a bud on a green stem", {"caption": "a red flower, wide open", "at": "80%"}]]),
    BeforeValidator(_schedule),
    _OrSchedule(),
]
"""A list of states, or a mapping of moments to captions."""


class StatesOptions(Options):
    """Key states written out, in story order; no language model is asked."""

    states: WrittenStates
    """At least one: a caption, or `{caption: ..., at: 40%}`; or a schedule, `{0: a bud, 24: a flower}`."""
    style: str = Field(default="", max_length=LONGEST)
    """Words added to every caption: `watercolour, soft light`."""
    negative_prompt: str | None = Field(default=None, max_length=LONGEST)
    """What should not be seen; the spec's own `negative_prompt` goes before it."""

    @field_validator("states")
    @classmethod
    def _at_least_one(cls, states: list[StateOptions]) -> list[StateOptions]:
        if not states:
            raise ValueError("no states: write at least one caption, such as '- a field in winter, covered by snow'")
        return states


class States:
    """Hands over what the spec says.

    Args:
        options: the validated options.
    """

    offline = True

    def __init__(self, options: StatesOptions) -> None:
        self._options = options

    def write(self, brief: Brief) -> Synopsis:
        """The written states; ``brief`` adds nothing to them."""
        return Synopsis(
            states=tuple(State(state.caption, state.at) for state in self._options.states),
            style=self._options.style,
            negative_prompt=self._options.negative_prompt,
        )

    def close(self) -> None:
        """Nothing to release."""


def to_options(synopsis: Synopsis) -> dict[str, object]:
    """Any synopsis as the plain data of this part: what validates to it again, without a language model."""
    written: dict[str, object] = {
        "use": "states",
        "states": [
            state.caption if state.at is None else {"caption": state.caption, "at": state.at} for state in synopsis.states
        ],
    }
    if synopsis.style:
        written["style"] = synopsis.style
    if synopsis.negative_prompt is not None:
        written["negative_prompt"] = synopsis.negative_prompt
    return written


@hookimpl
def register_synopses(register: Register) -> None:
    """Offer ``states``."""
    register("states", options=StatesOptions, factory=States, summary="Key states written out in the spec.")
