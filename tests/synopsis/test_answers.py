"""Reading answers: whatever a model says gives key states or an `AnswerError`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vstar_sdk.synopsis.answers import AnswerError, answer_model, read_answer

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["states", "caption", "style", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    st.text(alphabet='{}[]":, \\abn\u2028', max_size=60)
    | JSON.map(json.dumps)
    | st.tuples(st.text(), JSON.map(json.dumps)).map("".join)
)
def test_an_answer_is_read_or_refused(text):
    try:
        answer = read_answer(text, answer_model(None))
    except AnswerError:
        return
    assert 2 <= len(answer.states) <= 9
    assert all(state.caption for state in answer.states)


@pytest.mark.parametrize(
    "text", ['{"' * 9999, '{"a":"' * 3300, '{"a":1,' * 2800, "{" * 19_999, '{"' + "{" * 19_000, "[" * 19_999]
)
def test_hostile_answers_are_refused_at_once(text):
    with pytest.raises(AnswerError):
        read_answer(text, answer_model(4))


@pytest.mark.parametrize(("states", "fewest", "most"), [(2, 2, 2), (9, 9, 9), (None, 2, 9)])
def test_the_shape_bounds_the_number_of_states(states, fewest, most):
    shape = answer_model(states).model_json_schema()["properties"]["states"]
    assert (shape["minItems"], shape["maxItems"]) == (fewest, most)
    assert shape["description"] == "The key states, from the beginning of the story to its end."
