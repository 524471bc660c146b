"""What a model cannot make is refused with the nearest that it can."""

import pytest

from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import SpecError
from vstar_sdk.models.facts import Facts


def facts(**changes):
    own = {"name": "m", "sites": (), "frames": 16, "width": 64, "height": 64, "size_multiple": 16, "fps": 8.0, "steps": 25}
    return Facts(**{**own, "guidance": 4.0, "eta": 0.0, **changes})


@pytest.mark.parametrize("frames", [1, 16, 1000])
def test_without_a_limit_any_number_of_frames_goes(frames):
    facts().check(frames, 64, 32)


@pytest.mark.parametrize(
    ("changes", "frames", "hint"),
    [
        ({"max_frames": 32}, 64, "use 32"),
        ({"rhythm": Rhythm.causal(4)}, 64, "use 61 or 65"),
        ({"rhythm": Rhythm.causal(4), "max_frames": 64}, 64, "use 61"),
        ({}, 0, "use 1"),
    ],
)
def test_an_impossible_number_of_frames_names_its_neighbours(changes, frames, hint):
    with pytest.raises(SpecError, match=f"m cannot make {frames} frames") as refused:
        facts(**changes).check(frames, 64, 64)
    assert (refused.value.path, refused.value.hint) == (("frames",), hint)


def test_frames_of_a_compressed_model_are_one_more_than_a_multiple():
    for frames in (1, 5, 65):
        facts(rhythm=Rhythm.causal(4), max_frames=65).check(frames, 64, 64)


@pytest.mark.parametrize(("size", "nearest"), [((100, 64), "96 x 64"), ((64, 8), "64 x 16"), ((0, 64), "16 x 64")])
def test_an_impossible_size_names_the_nearest(size, nearest):
    with pytest.raises(SpecError, match="must be multiples of 16") as refused:
        facts().check(16, *size)
    assert (refused.value.path, refused.value.hint) == (("size",), f"the nearest size is {nearest}")
