"""The shape that a language model's answer is to have, and in plain words what is wrong with one that has another."""

from __future__ import annotations

import re
from typing import Annotated
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

FEWEST, MOST = 2, 9
"""Bounds on the number of key states."""

LONGEST_CAPTION = 300
"""Characters of the longest caption that is taken: some 50 words, the most that CLIP's text encoder reads."""

LONGEST_STYLE = 200
"""Characters of the longest style that is taken."""

_PLACEHOLDER = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")
"""A caption that is a blank to fill in: ``<caption>``."""


def _one_line(text: str) -> str:
    """On one line, without control characters, which would reach terminals and files."""
    return " ".join("".join(" " if category(sign) == "Cc" else sign for sign in text).split())


def _caption(text: str) -> str:
    line = _one_line(text)
    if not line:
        raise ValueError("is empty")
    if not any(sign.isalnum() for sign in line) or _PLACEHOLDER.fullmatch(line):
        raise ValueError("is a placeholder, not a caption")
    return line


class AnswerState(BaseModel):
    """One key state, as a model answers it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    caption: Annotated[str, Field(max_length=LONGEST_CAPTION), AfterValidator(_caption)]
    """What is to be seen in this state: one short sentence that names its subject."""


class Answer(BaseModel):
    """Key states, as a model answers them; `answer_model` fixes their number."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    states: list[AnswerState]
    """The key states, from the beginning of the story to its end."""
    style: Annotated[str, Field(max_length=LONGEST_STYLE), AfterValidator(_one_line)] = ""
    """Style words that are appended to every caption, or nothing."""

    def captions(self) -> tuple[str, ...]:
        """The captions alone."""
        return tuple(state.caption for state in self.states)


class AnswerError(ValueError):
    """An answer that cannot be used.

    Args:
        problems: what is wrong with it, one sentence each, for a person and for the model that gave it.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def answer_model(states: int | None) -> type[Answer]:
    """The shape of an answer with that many states; None allows `FEWEST` to `MOST`."""
    fewest, most = (states, states) if states else (FEWEST, MOST)
    return create_model(
        "KeyStates",
        __base__=Answer,
        __doc__=f"A synopsis of {states or f'{FEWEST} to {MOST}'} key states.",
        states=(Annotated[list[AnswerState], Field(min_length=fewest, max_length=most)], Answer.model_fields["states"]),
    )


def check_answer(value: object, model: type[Answer]) -> Answer:
    """The value as an answer.

    Raises:
        AnswerError: it has another shape.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise AnswerError(*(_sentence(details, model) for details in error.errors(include_url=False)[:10])) from None


def _sentence(details: ErrorDetails, model: type[Answer]) -> str:
    """One finding, in no words of pydantic or Python: ``states[1].caption: is empty``, ``states: 3 instead of 4``."""
    where = "".join(f"[{item}]" if isinstance(item, int) else f".{item}" for item in details["loc"]).lstrip(".") or "the answer"
    kind, context, given = details["type"], details.get("ctx", {}), details["input"]
    if kind == "missing":
        return f"{where}: is missing"
    if kind in ("too_short", "too_long"):
        wanted = model.model_json_schema()["properties"]["states"]
        fewest, most = wanted["minItems"], wanted["maxItems"]
        return f"{where}: {context['actual_length']} instead of {fewest if fewest == most else f'{fewest} to {most}'}"
    if kind == "string_too_long":
        return f"{where}: has {len(given)} characters; at most {context['max_length']} are taken"
    if kind == "value_error":
        return f"{where}: {context['error']}"
    if kind == "string_unicode":
        return f"{where}: holds half a character (a lone surrogate)"
    wanted = _WANTED.get(kind)
    return f"{where}: is {_kind(given)}" + (f" instead of {wanted}" if wanted else ", which is not supported")


_WANTED = {"string_type": "a text", "list_type": "a list", "model_type": 'an object such as {"caption": "..."}'}


def _kind(value: object) -> str:
    """What JSON calls it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    names: dict[type[object], str] = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "something else")
