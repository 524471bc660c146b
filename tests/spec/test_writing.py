from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vstar_sdk.spec.document import parse
from vstar_sdk.spec.loading import load_spec
from vstar_sdk.spec.writing import to_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


def survives(caption):
    spec = load_spec({"prompt": caption, "synopsis": {"states": ["a", {"caption": f"x{caption}"}], "style": caption}}).spec
    assert load_spec(parse(to_yaml(spec)).data).spec.model_dump() == spec.model_dump()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "1e3",
            "-1E-3",
            "+.5",
            ".5",
            "1.",
            "no",
            "12:30:45",
            "0x10",
            "1_000",
            "~",
            "null",
            "true",
            "2026-01-31",
            "=",
            "<<",
            "- a",
        ),
        *(
            "a: b",
            "# a",
            "a\nb",
            "\x85x",
            "\u2028x",
            " x ",
            "%a",
            "\ufeffx",
            "\x1b[0m",
            "'",
            '"',
            "!a",
            "&a",
            "*a",
            "🌋",
            "1" * 500,
        ),
    ],
)
def test_text_that_looks_like_something_else_stays_text(text):
    survives(text)


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(TEXT)
def test_any_text_stays_as_it_is(text):
    survives(text)


def test_short_lists_and_mappings_of_numbers_stand_in_one_line():
    text = to_yaml(load_spec({"prompt": "x", "regularizers": [{"use": "tar", "sigma": {0: 1, 1: 8}}]}).spec)
    assert "sigma: {0: 1, 1: 8}" in text
    assert "window: [0.0, 0.56]" in text
    assert "plugins: []" in text
