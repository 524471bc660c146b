"""Reading answers: whatever a model says gives the right key states, or an `AnswerError` in words that the model understands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vstar_sdk.synopsis.answers import AnswerError, answer_model
from vstar_sdk.synopsis.choosing import captions_in, read_answer

TABLE = yaml.safe_load((Path(__file__).parent / "answers.yaml").read_text(encoding="utf-8"))


def whole(*captions):
    return json.dumps({"states": [{"caption": caption} for caption in captions], "style": ""})


RIGHT = ["a cold kettle", "a warm kettle", "a hot kettle"]
WORDS = {
    "RIGHT": whole(*RIGHT),
    "DRAFT": whole("draft one", "draft two", "draft three"),
    "SHORT": whole("a cold kettle", "a hot kettle"),
    "DIGITS": '{"states": ' + "1" * 5000 + "}",
}
FOREIGN = re.compile(
    r"pydantic|validation|Nonetype|\bstr\b|\bdict\b|\blist\[|\bint\b|valid |Field required|_type|_error|Input should|errors\.",
    re.IGNORECASE,
)
"""Names of Python and pydantic."""

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["states", "caption", "style", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def named(case):
    return case["name"]


def read(case):
    text = re.sub("|".join(WORDS), lambda word: WORDS[word[0]], case["text"])
    return read_answer(text, answer_model(case.get("asked", 3) or None))


@pytest.mark.parametrize("case", [case for case in TABLE if "reads" in case], ids=named)
def test_what_models_say_is_read_as_it_is_meant(case):
    answer = read(case)
    assert list(answer.captions()) == (RIGHT if case["reads"] == "RIGHT" else case["reads"])
    assert answer.style == case.get("style", "")


@pytest.mark.parametrize("case", [case for case in TABLE if "refused" in case], ids=named)
def test_what_cannot_be_used_is_told_in_words_that_a_model_understands(case):
    with pytest.raises(AnswerError, match=re.escape(case["refused"])) as caught:
        read(case)
    assert not FOREIGN.search(str(caught.value))


def test_the_table_is_large_and_each_case_has_one_name():
    assert len({case["name"] for case in TABLE}) == len(TABLE) >= 100


@pytest.mark.parametrize("mark", ["think", "thinking", "thought", "reasoning", "reflection", "analysis", "scratchpad"])
def test_every_draft_in_thinking_is_overlooked(mark):
    text = f"<{mark}>{WORDS['DRAFT']}</{mark}>{WORDS['RIGHT']}"
    assert list(read_answer(text, answer_model(3)).captions()) == RIGHT


def test_an_example_of_the_question_is_the_answer_only_where_there_is_no_other():
    examples = captions_in(f"Examples:\n{WORDS['DRAFT']}\n{WORDS['SHORT']}", answer_model(None))
    assert len(examples) == 2
    for text in (f"{WORDS['RIGHT']}\n{WORDS['DRAFT']}", f"{WORDS['DRAFT']}\n{WORDS['RIGHT']}"):
        assert list(read_answer(text, answer_model(3), examples=examples).captions()) == RIGHT
    assert read_answer(WORDS["DRAFT"], answer_model(3), examples=examples).captions()[0] == "draft one"


@pytest.mark.parametrize(
    ("text", "read"),
    [("RIGHT", True), ("So the answer is:\n```json\nRIGHT\n```", True), ("RIGHT Too terse.", False), ("Hm.", False)],
)
def test_of_thinking_only_its_end_can_be_an_answer(text, read):
    text = text.replace("RIGHT", WORDS["RIGHT"])
    if read:
        assert list(read_answer(text, answer_model(3), only_at_the_end=True).captions()) == RIGHT
    else:
        with pytest.raises(AnswerError):
            read_answer(text, answer_model(3), only_at_the_end=True)


@settings(deadline=None, max_examples=40)
@given(
    st.text(alphabet='{}[]":, \\abn\u2028', max_size=60)
    | JSON.map(json.dumps)
    | st.tuples(st.text(), JSON.map(json.dumps)).map("".join)
    | st.lists(st.sampled_from(["<think>", "</think>", "<draft>", "</draft>", *WORDS.values(), "{", "}", '"', "x"])).map("".join)
)
def test_an_answer_is_read_or_refused(text):
    try:
        answer = read_answer(text, answer_model(None))
    except AnswerError:
        return
    assert 2 <= len(answer.states) <= 9
    assert all(state.caption for state in answer.states)


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_thinking_before_the_answer_changes_nothing(thought, more):
    text = f"<think>{thought}{WORDS['DRAFT']}{more}</think>{WORDS['RIGHT']}"
    assert list(read_answer(text, answer_model(3)).captions()) == RIGHT


@pytest.mark.parametrize(
    "text",
    [
        '{"' * 9999,
        '{"a":"' * 3300,
        '{"a":1,' * 2800,
        "{" * 19_999,
        '{"' + "{" * 19_000,
        "[" * 19_999,
        "[" * 900 + " " * 900_000,
        "<draft>" * 100_000,
        "<think>" * 100_000,
        "</think>" * 100_000,
        "<" + "a_" * 400_000,
        "[THINK" * 100_000,
        "<|channel|>analysis" * 50_000,
        '{"states": ["a' * 1500,
        "{}," * 6000,
        '{"caption": "a"}' * 1200,
    ],
)
def test_hostile_answers_are_refused_at_once(text):
    with pytest.raises(AnswerError):
        read_answer(text, answer_model(4))


@pytest.mark.parametrize(("states", "fewest", "most"), [(2, 2, 2), (9, 9, 9), (None, 2, 9)])
def test_the_shape_bounds_the_number_of_states(states, fewest, most):
    shape = answer_model(states).model_json_schema()["properties"]["states"]
    assert (shape["minItems"], shape["maxItems"]) == (fewest, most)
    assert shape["description"] == "The key states, from the beginning of the story to its end."
