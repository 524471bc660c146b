"""Which part of what a model says is its answer: the last that has the shape that was asked for, not the first that is JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from contextlib import suppress

from vstar_sdk.synopsis.answers import Answer, AnswerError
from vstar_sdk.synopsis.candidates import ENDS, Candidate, Captions, candidates, fitting
from vstar_sdk.synopsis.json_values import Found, Malformed, as_object, decoded, explained, json_values
from vstar_sdk.synopsis.near_misses import names_states
from vstar_sdk.synopsis.thinking import Answered, without_thinking

LONGEST_ANSWER = 20_000
"""Characters of the longest answer that is read, thinking and white space aside."""

_ANSWER_TAG = re.compile(r"<(?:answer|final\w*|output|response|result)>\s*(?:```\w*\s*)?$", re.IGNORECASE)

_JSON_BEGINS = re.compile(r"""\{\s*["'“‘]|\[\s*[\["'“{]""")


def read_answer(text: str, model: type[Answer], *, examples: Collection[Captions] = (), only_at_the_end: bool = False) -> Answer:
    """Take the key states out of what a model said, whatever stands around them.

    Thinking is not read, except an answer at the very end of thinking that is never closed. Of what has the wanted shape the
    last is taken; what is introduced as an example or a draft, or repeats an example of the question, only where there is nothing
    else. What means the same in another form is taken too: see `meant`.

    Args:
        text: what the model said.
        model: the wanted shape.
        examples: the captions of the examples that the model was shown.
        only_at_the_end: take only what the text ends with, for thinking that may have swallowed the answer behind it.

    Raises:
        AnswerError: nothing in it can be used; tells of what comes nearest to an answer.
    """
    text = _unquoted(text.removeprefix("\ufeff"))
    whole = fitting(decoded(text), model)
    if whole is not None:  # at once: what looks like a tag in its captions is not thinking
        return whole
    answered = without_thinking(text)
    try:
        return _read(answered, model, examples, only_at_the_end)
    except AnswerError:
        if not answered.unclosed:
            raise
        with suppress(AnswerError):
            return _read(Answered(answered.unclosed[-LONGEST_ANSWER:], True, ""), model, examples, True)
        raise


def _read(answered: Answered, model: type[Answer], examples: Collection[Captions], only_at_the_end: bool) -> Answer:
    text = answered.text
    length = len(" ".join(text.split())) if len(text) > LONGEST_ANSWER else len(text.strip())
    if length > LONGEST_ANSWER:
        raise AnswerError(f"the answer has {length:,} characters; at most {LONGEST_ANSWER:,} are read")
    if not length:
        raise AnswerError("the answer is empty: it has only thinking" if answered.thought else "the answer is empty")
    values = list(json_values(text))
    found = [*candidates(text, values, model, examples)]
    if only_at_the_end:
        found = [each for each in found if not each.aside and not ENDS.sub("", text[each.end :])]
    chosen = _chosen(text, [each for each in found if each.answer])
    if chosen is None or chosen.answer is None:
        raise AnswerError(*_nearest(text, found, values))
    failed = [each for each in found if each.problems and each.start >= chosen.end and not each.aside]
    if failed and (chosen.aside or failed[-1].final):  # what has the shape is a draft, and the answer behind it is broken
        raise AnswerError(*failed[-1].problems)
    return chosen.answer


def captions_in(text: str, model: type[Answer]) -> set[Captions]:
    """The captions of all whole answers that stand in a text, such as the examples of a question."""
    found = (value.value for value in json_values(text) if isinstance(value, Found) and names_states(value.value))
    return {answer.captions() for value in found if (answer := fitting(value, model))}


def _chosen(text: str, right: list[Candidate]) -> Candidate | None:
    """Of what has the shape: what an answer's tag holds, what names its states, a bare list, an aside; of each the last."""
    firm = [each for each in right if not each.aside]
    tagged = [each for each in firm if _ANSWER_TAG.search(text[max(0, each.start - 40) : each.start])]
    pools = (tagged, [each for each in firm if each.named], firm, right)
    return next((pool[-1] for pool in pools if pool), None)


def _nearest(text: str, found: list[Candidate], values: list[Found | Malformed]) -> tuple[str, ...]:
    """What is wrong with what comes nearest to an answer."""
    failed = [each for each in found if each.problems]
    for pool in ([each for each in failed if each.named and not each.aside], failed):
        if pool:
            return pool[-1].problems
    for value in values:
        if isinstance(value, Malformed) and value.at > value.start and _JSON_BEGINS.match(text, value.start):
            return (explained(text, value),)
    objects = any(isinstance(value, Found) and as_object(value.value) for value in values)
    return ("states: is missing",) if objects else ("the answer holds no JSON object",)


def _unquoted(text: str) -> str:
    """The content of a text that is a JSON string as a whole."""
    if text.strip()[:1] == '"':
        try:
            content: object = json.loads(text, strict=False)
        except ValueError:
            return text
        return content if isinstance(content, str) else text
    return text
