"""The conversation with a language model: asked once, and then again with what is wrong with its answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from vstar_sdk.errors import BackendError
from vstar_sdk.llm.contract import Backend, Completion, Message, Request
from vstar_sdk.llm.faults import brief
from vstar_sdk.synopsis.answers import Answer, AnswerError, answer_model
from vstar_sdk.synopsis.candidates import Captions
from vstar_sdk.synopsis.choosing import LONGEST_ANSWER, captions_in, read_answer
from vstar_sdk.synopsis.thinking import spoken

Transcript = tuple[dict[str, object], ...]
"""What was said to a model and by it, one mapping an exchange."""

WRITE_THEM = "write the key states yourself: synopsis: {use: states, states: [...]}"

MOST_TOKENS = 16_384
"""Tokens that an answer is given at most after it was cut off. More is a choice of the user, and an option of the backend."""

LONGEST_REPEATED = 5000
"""Characters of a faulty answer that are sent back to the model for correction."""

_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True)
class Question:
    """The first request to the model.

    Attributes:
        system: the system message.
        user: the user's message.
        prompt: the user's prompt alone.
        template: where the two messages come from, for the transcript.
    """

    system: str
    user: str
    prompt: str
    template: Mapping[str, object]


def converse(
    backend: Backend, question: Question, *, states: int | None, rounds: int
) -> tuple[Answer, Transcript, tuple[str, ...]]:
    """Ask until there is a usable answer, at most so often.

    Args:
        backend: the language model.
        question: the first request.
        states: how many key states are wanted; None lets the model choose.
        rounds: how often it is asked.

    Returns:
        The answer, what was said to get it, and the backend's warnings, each once.

    Raises:
        BackendError: no answer, a refusal, or no usable answer in any of the rounds.
    """
    shape = answer_model(states)
    examples = captions_in(question.system, answer_model(None))
    request = Request(system=question.system, messages=(Message(role="user", text=question.user),), schema=shape)
    exchanges: Transcript = ()
    warnings: dict[str, None] = {}
    while True:
        completion = backend.complete(request)
        warnings.update(dict.fromkeys(completion.warnings))
        exchange = _record(question.template, request, completion)
        exchanges = (*exchanges, exchange)
        if completion.stop == "refusal":
            raise _refused(completion)
        try:
            return _read(completion, shape, examples, question.prompt), exchanges, tuple(warnings)
        except AnswerError as error:
            if len(exchanges) == rounds:
                raise _unusable(completion, error, rounds) from None
            exchange["problems"] = list(error.problems)
            request = _repair(request, completion, error.problems)


def _read(completion: Completion, shape: type[Answer], examples: Collection[Captions], prompt: str) -> Answer:
    """The answer.

    Raises:
        AnswerError: it was cut off, it has another shape, or it is an example of the question.
    """
    if completion.stop == "length":
        after = f" after {completion.output_tokens:,} tokens" if completion.output_tokens else ""
        raise AnswerError(f"the answer was cut off{after}")
    if completion.text.strip() or not completion.thinking.strip():
        answer = read_answer(completion.text, shape, examples=examples)
    else:
        try:
            answer = read_answer(completion.thinking[-LONGEST_ANSWER:], shape, examples=examples, only_at_the_end=True)
        except AnswerError:
            raise AnswerError("the answer is empty: it has only thinking") from None
    if answer.captions() in examples and not _shares_a_word(prompt, answer.captions()):
        raise AnswerError("the answer repeats an example of the instructions instead of describing the prompt")
    return answer


def _shares_a_word(prompt: str, captions: Captions) -> bool:
    words = set(_WORD.findall(prompt.casefold()))
    return bool(words & set(_WORD.findall(" ".join(captions).casefold())))


def _repair(request: Request, completion: Completion, problems: tuple[str, ...]) -> Request:
    """The next question: the same with more room after a cut-off, otherwise what is wrong with the answer.

    User and assistant take turns, which the chat templates of many models insist on: a complaint about an answer without text is
    joined to the question.
    """
    if completion.stop == "length":
        return replace(request, max_tokens=max(request.max_tokens, min(2 * request.max_tokens, MOST_TOKENS)))
    complaint = "\n".join(
        [
            "Your answer cannot be used:",
            *(f"- {problem}" for problem in problems),
            "Answer again, with one corrected JSON object and nothing around it.",
        ]
    )
    answer = _shortened(spoken(completion.text), LONGEST_REPEATED)
    if answer:
        turns = (*request.messages, Message(role="assistant", text=answer), Message(role="user", text=complaint))
        return replace(request, messages=turns)
    *earlier, question = request.messages
    text = question.text if question.text.endswith(complaint) else f"{question.text}\n\n{complaint}"
    return replace(request, messages=(*earlier, Message(role="user", text=text)))


def _record(template: Mapping[str, object], request: Request, completion: Completion) -> dict[str, object]:
    """One exchange as plain data. No header and no option of the backend goes in, hence no key."""
    return {
        "template": dict(template),
        "system": request.system,
        "messages": [{"role": message.role, "text": message.text} for message in request.messages],
        "answer": _shortened(completion.text or completion.thinking, LONGEST_ANSWER),
        "stop": completion.stop,
        "model": completion.model,
        "usage": {"input_tokens": completion.input_tokens, "output_tokens": completion.output_tokens},
    }


def _shortened(text: str, longest: int) -> str:
    """Both ends of a text that is too long: thinking makes the beginning long, and the answer stands at the end."""
    text = text.strip()
    half = longest // 2
    return text if len(text) <= longest else f"{text[: half - 10]}\n[...]\n{text[10 - half :]}"


def _refused(completion: Completion) -> BackendError:
    why = f": {brief(completion.text)}" if completion.text.strip() else ""
    return BackendError(
        f"{completion.model} declined to write a synopsis of this prompt{why}",
        hint=f"reword the prompt, choose another model, or {WRITE_THEM}",
    )


def _unusable(completion: Completion, error: AnswerError, rounds: int) -> BackendError:
    remedy = "raise the backend's max_tokens" if completion.stop == "length" else "choose another model or template"
    asked = f"{rounds} rounds" if rounds > 1 else "one round"
    return BackendError(f"{completion.model} gave no usable synopsis in {asked}: {error}", hint=f"{remedy}, or {WRITE_THEM}")
