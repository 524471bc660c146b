"""Numbers far from those that a model was made for are warned of, with what to do."""

from __future__ import annotations

import dataclasses

import pytest

from vstar_sdk.clock import Rhythm
from vstar_sdk.miniworld.parts import miniworld
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.range import out_of_range

OWN = {"frames": 64, "width": 64, "height": 64, "fps": 8.0}


@pytest.fixture(scope="module")
def facts():
    return miniworld(FramewiseOptions()).facts()


def warned(facts, **changes) -> list[str]:
    return list(out_of_range(facts, **{**OWN, **changes}))


def test_the_models_own_numbers_are_silent(facts):
    assert warned(facts) == []


@pytest.mark.parametrize(
    "near",
    [{"frames": 1}, {"frames": 256}, {"width": 96, "height": 64}, {"width": 96, "height": 96}, {"fps": 16.0}, {"fps": 4.0}],
)
def test_so_are_numbers_near_them(facts, near):
    assert warned(facts, **near) == []


@pytest.mark.parametrize(
    ("far", "said", "remedy"),
    [
        ({"width": 128, "height": 128}, "size 128x128: miniworld makes pictures of 64x64", "remove size"),
        ({"width": 168, "height": 64}, "size 168x64", "remove size"),
        ({"width": 32, "height": 32}, "size 32x32", "remove size"),
        ({"frames": 257}, "257 frames: miniworld makes clips of 64, and one that much longer", "use at most 256"),
        ({"fps": 24.0}, "fps 24: miniworld makes 8 frames a second, so motion is 3 times as fast", "remove fps"),
        ({"fps": 2.0}, "motion is 4 times as slow", "remove fps"),
    ],
)
def test_numbers_far_from_them_are_told_with_a_remedy(facts, far, said, remedy):
    (warning,) = warned(facts, **far)
    assert said in warning
    assert remedy in warning


def test_the_remedy_is_a_length_that_the_model_can_make(facts):
    compressed = dataclasses.replace(facts, frames=81, rhythm=Rhythm.causal(4), lengths=None)
    (longer,) = warned(compressed, frames=401)
    (shorter,) = warned(compressed, frames=5)
    assert "use at most 325" in longer
    assert "use at least 21" in shorter


def test_plan_validate_and_run_tell_it(tmp_path, capsys):
    from click.testing import CliRunner

    from vstar_sdk.cli.main import cli

    spec = tmp_path / "story.yaml"
    spec.write_text("prompt: a landscape from winter to autumn\nsize: 128x128\nframes: 300\nsampling: {steps: 1}\n")
    for command in (["plan", str(spec)], ["validate", str(spec)], ["run", str(spec), "--dry-run"]):
        told = CliRunner().invoke(cli, command)
        assert told.exit_code == 0, told.output
        assert "size 128x128" in told.output, command
        assert "300 frames: miniworld makes clips of 64" in told.output, command
