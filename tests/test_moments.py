from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstar_sdk import moments


@pytest.mark.parametrize(
    ("span", "frame"),
    [(0, 0), (12, 12), ("12", 12), ("2.5s", 20), ("0s", 0), ("0%", 0), ("40%", 25), ("100%", 63), (" 50 % ", 32), (3.0, 3)],
)
def test_position(span, frame):
    assert moments.position(span, frames=64, fps=8) == frame


@pytest.mark.parametrize("span", [64, "8s", 1e9, "1000s"])
def test_a_moment_beyond_the_clip_is_refused(span):
    with pytest.raises(ValueError, match="beyond the clip's last frame, 63"):
        moments.position(span, frames=64, fps=8)


@pytest.mark.parametrize("span", ["", "abc", "-1", -1, "5 minutes", "101%", float("nan"), float("inf"), True, None, [1]])
def test_what_is_no_moment_is_refused(span):
    with pytest.raises(ValueError, match=r"must be frames|moment|beyond"):
        moments.parse(span)


def test_half_a_frame_is_refused():
    with pytest.raises(ValueError, match="whole number"):
        moments.position(1.5, frames=64, fps=8)


@pytest.mark.parametrize(("span", "frames"), [(8, 8.0), ("0.5s", 4.0), ("12.5%", 8.0), (1.5, 1.5)])
def test_duration(span, frames):
    assert moments.duration(span, frames=64, fps=8) == frames


@given(percent=st.floats(0, 100), frames=st.integers(1, 500))
def test_a_fraction_is_always_inside(percent, frames):
    assert 0 <= moments.position(f"{percent:.6f}%", frames, 8) < frames
