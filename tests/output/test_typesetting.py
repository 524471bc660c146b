from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vstar_sdk.output.sheet.typesetting import ELLIPSIS, wrap

WIDTHS = st.integers(min_value=2, max_value=30)


def test_lines_break_at_spaces():
    assert wrap("the snow melts on the hills", 10, 9, len) == ["the snow", "melts on", "the hills"]


def test_a_text_that_is_cut_ends_in_an_ellipsis():
    assert wrap("the snow melts on the hills", 10, 2, len) == ["the snow", "melts on…"]
    assert wrap("the snow", 10, 1, len) == ["the snow"]


def test_the_first_line_leaves_room_for_a_number():
    assert wrap("the snow melts", 10, 9, len, indent=4) == ["the", "snow melts"]


def test_a_word_wider_than_a_line_is_broken_inside():
    assert wrap("冬から春へそして夏", 4, 9, len) == ["冬から春", "へそして", "夏"]


def test_a_blank_text_has_no_lines():
    assert wrap(" \n ", 10, 3, len) == []


@given(st.text(), WIDTHS, st.integers(min_value=1, max_value=6))
def test_lines_never_exceed_their_width_or_number_and_lose_nothing_but_the_end(text: str, width: int, most: int):
    lines = wrap(text, width, most, len)
    assert len(lines) <= most
    assert all(len(line) <= width for line in lines)
    shown, whole = "".join("".join(lines).split()), "".join(text.split())
    assert shown == whole or (shown.endswith(ELLIPSIS) and whole.startswith(shown.removesuffix(ELLIPSIS)))
