"""A language model's answer: the shape that is asked for, and reading what came back."""

from __future__ import annotations

import json
from typing import Annotated, Any
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

FEWEST, MOST = 2, 9
"""Bounds on the number of key states."""

LONGEST_CAPTION = 300
"""Characters of the longest caption that is taken: some 50 words, the most that CLIP's text encoder reads."""

LONGEST_STYLE = 200
"""Characters of the longest style that is taken."""

LONGEST_ANSWER = 20_000
"""Characters of the longest answer that is read."""


def _one_line(text: str) -> str:
    """On one line, without control characters, which would reach terminals and files."""
    return " ".join("".join(" " if category(sign) == "Cc" else sign for sign in text).split())


def _caption(text: str) -> str:
    if not _one_line(text):
        raise ValueError("is empty")
    return _one_line(text)


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


class AnswerError(ValueError):
    """An answer that cannot be used.

    Args:
        problems: what is wrong with it, one sentence each.
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


def read_answer(text: str, model: type[Answer]) -> Answer:
    """Take the key states out of an answer, which may have prose or a code fence around its JSON.

    Raises:
        AnswerError: no JSON object, or not of the wanted shape.
    """
    found = _first_object(text)
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise AnswerError(
            *(_sentence(details, model) for details in error.errors(include_url=False, include_input=False)[:10])
        ) from None


def _first_object(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_ANSWER:
        raise AnswerError(f"the answer has {len(text):,} characters; at most {LONGEST_ANSWER:,} are read")
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            return decoder.raw_decode(text, start)[0]
        except RecursionError:
            break
        except ValueError:
            start = text.find("{", start + 1)
    raise AnswerError("the answer holds no JSON object" if text.strip() else "the answer is empty")


def _sentence(details: ErrorDetails, model: type[Answer]) -> str:
    """One finding of pydantic: ``states[1].caption: is empty``, ``states: 3 instead of 4``."""
    where = "".join(f"[{item}]" if isinstance(item, int) else f".{item}" for item in details["loc"]).lstrip(".")
    kind, context = details["type"], details.get("ctx", {})
    if kind in ("too_short", "too_long") and where == "states":
        wanted = model.model_json_schema()["properties"]["states"]
        fewest, most = wanted["minItems"], wanted["maxItems"]
        return f"states: {context['actual_length']} instead of {fewest if fewest == most else f'{fewest} to {most}'}"
    if kind == "value_error":
        return f"{where}: {context['error']}"
    return f"{where}: {details['msg']}"
