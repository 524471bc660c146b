"""What in a text may be the answer: each value that has its shape, or nearly, and the words that introduce it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from vstar_sdk.synopsis.answers import Answer, AnswerError, check_answer
from vstar_sdk.synopsis.json_values import Found, Malformed, as_list, as_object, decoded, explained
from vstar_sdk.synopsis.near_misses import meant, names_states

Captions = tuple[str, ...]

ENDS = re.compile(r"</?\w+>|```|\W")
"""What may stand behind the end of an answer and say nothing."""

_DEEPEST = 4
"""Objects around an answer at most, such as those of ``{"arguments": {"answer": ...}}``."""

_EXAMPLE = re.compile(
    r"\b(?:(?:for example|for instance|e\.g\.)[^.!?]{0,60}"
    r"|(?:if you (?:prefer|like|want)|you could)[^.!?]{0,60}"
    r"|(?:examples?|drafts?|such as|alternativ\w*|variations?|variants?|another (?:version|option|way)|default"
    r"|(?:first|initial|rough) (?:idea|attempt|try|version|thought|sketch|pass))(?:[^\w,;.!?]+\w+){0,3}\W*)$",
    re.IGNORECASE,
)
"""The end of a text that introduces something else than the answer."""

_FINAL = re.compile(
    r"\b(?:final\w*|corrected|improved|revised|better|instead|updated|fixed|answer|result|output)(?:\W+\w+){0,4}\W*$",
    re.IGNORECASE,
)
"""The end of a text that introduces what counts."""

_STATES = re.compile(r"""["'“”]?(?:states|captions)["'“”]?\s*:""", re.IGNORECASE)
"""What a malformed answer is known by."""

_TO_FILL_IN = re.compile(r"\s*(?:\.\.\.|…|<)")
"""Where a form breaks that a model repeats: ``{"states": [{"caption": "..."}, ...]}``."""


@dataclass(frozen=True)
class Candidate:
    """A part of the text that may be the answer.

    Attributes:
        start: where it begins.
        end: where the text goes on.
        lead: the words just before it.
        answer: itself, where it has the shape.
        problems: why it has not.
        named: whether it names its states, so that it can be nothing but an answer; a bare list could be any list.
        echo: whether it repeats an example of the question.
    """

    start: int
    end: int
    lead: str
    answer: Answer | None = None
    problems: tuple[str, ...] = ()
    named: bool = True
    echo: bool = False

    @property
    def aside(self) -> bool:
        """Whether it is no more than an example or a draft."""
        return self.echo or _is_example(self.lead)

    @property
    def final(self) -> bool:
        """Whether it is introduced as what counts."""
        return bool(_FINAL.search(self.lead)) and not self.aside


def candidates(
    text: str, values: list[Found | Malformed], model: type[Answer], examples: Collection[Captions]
) -> Iterator[Candidate]:
    """What may be the answer, in order of appearance; lines of states, each an object of its own, come last.

    Args:
        text: what the model said, without thinking.
        values: the JSON values in it.
        model: the wanted shape.
        examples: the captions of the examples that the model was shown.
    """
    malformed = before = 0  # where the malformed value ends that the search is inside of, and where the last whole one ended
    lines: list[list[Found]] = []
    for value in values:
        lead = _lead(text, before, value.start)
        if isinstance(value, Malformed):
            malformed = max(malformed, value.at)
            if _STATES.search(text, value.start, value.at + 20) and not _TO_FILL_IN.match(text, value.at):
                yield Candidate(value.start, value.at, lead, problems=(explained(text, value),))
            continue
        before = value.end
        inside = value.start < malformed
        for answer, problems, named in _readings(value, model):
            if named or not inside:  # a list inside a malformed answer is not all of it
                sure = named or answer is None or _stands_alone(text, value)
                echo = bool(answer and answer.captions() in examples)
                yield Candidate(value.start, value.end, lead, answer if sure else None, problems, named, echo)
        if not inside and "caption" in (as_object(value.value) or ()):
            joined = bool(lines) and not text[lines[-1][-1].end : value.start].strip(" \t\r\n,")
            lines.append([*lines.pop(), value] if joined else [value])
    for run in lines:
        if len(run) > 1 and (answer := fitting([state.value for state in run], model)):
            yield Candidate(run[0].start, run[-1].end, "", answer, named=False)


def fitting(value: object, model: type[Answer]) -> Answer | None:
    """The value as an answer, if that is what it means."""
    try:
        return check_answer(meant(value), model)
    except AnswerError:
        return None


def _readings(found: Found, model: type[Answer]) -> Iterator[tuple[Answer | None, tuple[str, ...], bool]]:
    """A value as an answer, or what is wrong with it as one, and whether it names its states; nothing if it is none at all."""
    value = found.value
    items = as_list(value)
    if items and (answer := fitting(items, model)):
        yield answer, (), False
        return
    inner = [*_named(value, "", _DEEPEST)]
    right = [(name, answer) for name, item in inner if (answer := fitting(item, model))]
    right = [pair for pair in right if not _is_example(pair[0])] or right
    right = [pair for pair in right if _FINAL.search(pair[0])] or right
    if len({answer.captions() for _, answer in right}) > 1:
        yield None, ("it has more than one story: write one",), True
    elif right:
        yield right[-1][1], (), True
    elif "properties" in (as_object(value) or ()):
        yield None, ("it repeats the JSON Schema instead of filling it in",), False
    elif inner:
        yield None, _problems(inner[-1][1], model), True
    elif items and all(isinstance(item, str) or "caption" in (as_object(item) or ()) for item in items):
        yield None, _problems(items, model), False


def _named(given: object, name: str, depth: int) -> Iterator[tuple[str, object]]:
    """The objects in a value that name their states, itself included, and the name under which each stands."""
    value = decoded(given) if isinstance(given, str) else given
    if names_states(value):
        yield name, value
    if depth == 0:
        return
    fields = as_object(value) or {}
    for key, item in fields.items():
        yield from _named(item, key, depth - 1)
        if len(fields) == 1 and isinstance(item, list) and not names_states(value):
            yield key, {"states": item}
    for item in as_list(value) or ():
        yield from _named(item, name, depth - 1)


def _problems(value: object, model: type[Answer]) -> tuple[str, ...]:
    try:
        check_answer(meant(value), model)
    except AnswerError as error:
        return error.problems
    return ()


def _stands_alone(text: str, found: Found) -> bool:
    """Whether a bare list is surely meant: it is one of objects or of sentences, or has its lines for itself."""
    if all(not isinstance(item, str) or len(item.split()) > 2 for item in as_list(found.value) or ()):
        return True
    line = text[text.rfind("\n", 0, found.start) + 1 : found.start]
    return not ENDS.sub("", line) and not ENDS.sub("", text[found.end :].partition("\n")[0])


def _is_example(lead: str) -> bool:
    example, final = _EXAMPLE.search(lead), _FINAL.search(lead)
    return bool(example and not (final and final.start() > example.start()))


def _lead(text: str, before: int, start: int) -> str:
    """The words that introduce what begins there: those on its line or the last line above, a code fence's aside."""
    lines = [line for line in text[max(before, start - 300) : start].splitlines() if line.strip()]
    spoken = [line for line in lines if not line.lstrip().startswith("```")]
    return spoken[-1][-120:] if spoken else ""
