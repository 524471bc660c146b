"""The conversation with any backend: whose turn it is, what is said again, and when a story is taken."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vstar_sdk.errors import BackendError
from vstar_sdk.llm.contract import Completion
from vstar_sdk.synopsis.conversation import LONGEST_REPEATED, Question, converse

STORY = ("a cold kettle", "a warm kettle", "a hot kettle")
EXAMPLE = ("a tall candle", "a short candle", "a stub of wax")


def whole(captions=STORY):
    return json.dumps({"states": [{"caption": caption} for caption in captions]})


def said(text, stop: Literal["end", "length", "refusal"] = "end", thinking="", tokens=120):
    return Completion(text=text, stop=stop, model="m", input_tokens=9, output_tokens=tokens, thinking=thinking)


class Scripted:
    """A backend that answers from a list, and keeps what it is asked."""

    def __init__(self, *completions):
        self.completions = list(completions)
        self.asked = []

    def complete(self, request):
        self.asked.append(request)
        return self.completions.pop(0) if len(self.completions) > 1 else self.completions[0]

    def close(self):
        pass


def told(prompt="a kettle comes to the boil", system="Write."):
    return Question(system, f"The prompt: {prompt}", prompt, {"name": "t"})


def answered(exchange):
    return str(exchange["answer"])


def talk(*completions, rounds=4, **question):
    backend = Scripted(*completions)
    return converse(backend, told(**question), states=3, rounds=rounds), backend.asked


ANSWERS = st.sampled_from(
    [said(""), said(" \n"), said("Hm."), said("<think>x</think>"), said("", thinking="hm"), said("{", stop="length"), said("[1]")]
)


@settings(deadline=None, max_examples=30)
@given(st.lists(ANSWERS, min_size=1, max_size=7))
def test_turns_alternate_whatever_is_answered(answers):
    (answer, exchanges, _), asked = talk(*answers, said(whole()), rounds=8)
    assert answer.captions() == STORY
    assert len(exchanges) == len(answers) + 1
    for request in asked:
        roles = [message.role for message in request.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
        assert all(message.text.strip() for message in request.messages)


def test_a_complaint_about_nothing_is_joined_to_the_question_once():
    _, asked = talk(said(""), said(""), said(whole()))
    assert asked[2].messages == asked[1].messages
    (question,) = asked[1].messages
    assert question.text.startswith("The prompt: a kettle")
    assert question.text.count("- the answer is empty") == 1


def test_the_model_is_not_told_its_thinking_again():
    _, asked = talk(said("<think>secret thoughts</think>Three states it is."), said(whole()))
    assert [message.text for message in asked[1].messages[1:2]] == ["Three states it is."]


def test_of_a_long_answer_both_ends_are_told_again_and_recorded():
    (_, exchanges, _), asked = talk(said("BEGIN" + "x" * 30_000 + "END"), said(whole()))
    again = asked[1].messages[1].text
    assert len(again) <= LONGEST_REPEATED
    for text in (again, answered(exchanges[0])):
        assert text.startswith("BEGIN")
        assert text.endswith("END")


def test_a_cut_off_answer_gets_more_room_up_to_a_bound():
    _, asked = talk(*[said("{", stop="length")] * 3, said(whole()))
    assert [request.max_tokens for request in asked] == [8192, 16_384, 16_384, 16_384]
    assert {request.messages for request in asked} == {asked[0].messages}


@pytest.mark.parametrize(
    ("thinking", "read"), [(whole(), True), (f"So:\n```json\n{whole()}\n```", True), (f"{whole()} Too terse.", False)]
)
def test_an_answer_that_a_server_took_for_thinking_is_read_from_its_end(thinking, read):
    (_, exchanges, _), asked = talk(said("", thinking=f"{'hm ' * 9000}{thinking}"), said(whole()))
    assert len(asked) == (1 if read else 2)
    if read:
        assert answered(exchanges[0]).endswith(thinking)
    else:
        assert exchanges[0]["problems"] == ["the answer is empty: it has only thinking"]


def test_thinking_beside_an_answer_is_not_read():
    (answer, _, _), _ = talk(said(whole(), thinking=whole(EXAMPLE)), rounds=1)
    assert answer.captions() == STORY


def test_an_example_of_the_question_is_no_story_of_another_prompt():
    system = f"Write. An example, 'a candle burns down': {whole(EXAMPLE)}"
    (answer, exchanges, _), _ = talk(said(whole(EXAMPLE)), said(whole()), system=system)
    assert answer.captions() == STORY
    assert exchanges[0]["problems"] == ["the answer repeats an example of the instructions instead of describing the prompt"]
    (answer, _, _), asked = talk(said(whole(EXAMPLE)), system=system, prompt="A candle burns down slowly")
    assert (answer.captions(), len(asked)) == (EXAMPLE, 1)


def test_without_usage_no_number_of_tokens_is_invented():
    with pytest.raises(BackendError, match=r"in one round: the answer was cut off$"):
        talk(said("{", stop="length", tokens=0), rounds=1)


def test_what_a_refusal_says_is_shown_without_control_characters():
    with pytest.raises(BackendError, match="declined to write a synopsis of this prompt: no way") as caught:
        talk(said("no\x1b way\u202e", stop="refusal"))
    assert str(caught.value).isprintable()
