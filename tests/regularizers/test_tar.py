"""TAR as the paper has it: where, when, and its band."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from vstar_sdk.attention.sites import Block, Site
from vstar_sdk.attention.terms import frame_distance
from vstar_sdk.parts import Register
from vstar_sdk.regularizers import tar
from vstar_sdk.regularizers.tar import Tar, TarOptions, gaussian_band

GOLDEN = load_file(Path(__file__).parents[1] / "golden" / "tar_attention.safetensors")


def site(level=0, block: Block = "down", frames=64, fps=8.0):
    return Site("attn", block, level, 2, 16, frames, fps)


def band(options, where):
    (bias,) = Tar(options).operations(where)
    return bias.fn(frame_distance(where.clock))


@pytest.mark.parametrize("frames", [16, 48, 64])
@pytest.mark.parametrize("sigma", [1, 4, 8, 12])
def test_the_band_agrees_with_the_recorded_one(frames, sigma):
    torch.testing.assert_close(gaussian_band(frames, sigma), GOLDEN[f"F{frames}.G_sigma{sigma}"], atol=1e-15, rtol=0)


@pytest.mark.parametrize(("frames", "sigma", "expected"), [(16, 4, 0.667), (64, 4, 0.976), (16, 12, 0.138), (48, 8, 0.834)])
def test_the_band_is_as_diagonal_as_published(frames, sigma, expected):
    index = torch.arange(frames, dtype=torch.float64) - (frames - 1) / 2
    weight = gaussian_band(frames, sigma)
    found = (index @ weight @ index) / (weight.sum(0) @ index.square())
    assert float(found) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("sigma", [0, -1, float("nan")])
def test_a_band_has_a_width(sigma):
    with pytest.raises(ValueError, match="must be above 0"):
        gaussian_band(4, sigma)


def test_a_single_sigma_means_level_0():
    assert TarOptions.model_validate({"sigma": 4}) == TarOptions(sigma={0: 4})
    assert TarOptions.model_validate({"sigma": "25%"}).sigma == {0: "25%"}


@pytest.mark.parametrize("same", [8, 8.0, "8", "1s", "12.5%"])
def test_widths_are_frames_seconds_or_a_share_of_the_clip(same):
    torch.testing.assert_close(band(TarOptions(sigma={0: same}), site()), gaussian_band(64, 8), atol=1e-15, rtol=0)


def test_the_band_is_given_at_strength_1_for_the_core_sees_to_the_strength():
    assert Tar(TarOptions(sigma={0: 8}, strength=0.7)).operations(site())[0].strength == 1.0
    assert torch.equal(band(TarOptions(sigma={0: 8}, strength=0.7), site()), band(TarOptions(sigma={0: 8}), site()))


def test_the_defaults_are_the_papers():
    options = TarOptions()
    assert (options.window, options.strength, options.stat) == ((0.0, 0.56), 1.0, "max")


def test_levels_without_a_sigma_and_the_first_transformer_are_left_alone():
    regularizer = Tar(TarOptions(sigma={0: 1, 2: 8}))
    assert len(regularizer.operations(site(level=0))) == len(regularizer.operations(site(level=2, block="mid"))) == 1
    assert regularizer.operations(site(level=1)) == ()
    assert regularizer.operations(site(level=0, block="init")) == ()


@pytest.mark.parametrize("stat", ["max", "spread", "mean", "constant"])
def test_the_statistic_is_the_one_that_is_asked_for(stat):
    (bias,) = Tar(TarOptions(stat=stat)).operations(site())
    assert bias.stat == ("none" if stat == "constant" else stat)


@pytest.mark.parametrize(
    "options",
    [
        {"sigma": 0},
        {"sigma": -1},
        {"sigma": "wide"},
        {"sigma": {}},
        {"sigma": {-1: 4}},
        {"strength": -0.1},
        {"stat": "median"},
        {"until": 13},
    ],
)
def test_options_without_a_meaning_are_refused(options):
    with pytest.raises(ValidationError):
        TarOptions(**options)


def test_both_ways_to_write_sigma_are_in_the_schema():
    one, each_level = TarOptions.model_json_schema()["properties"]["sigma"]["anyOf"]
    assert [kind["type"] for kind in one["anyOf"]] == ["number", "string"]
    assert each_level["type"] == "object"


def test_where_all_logits_of_a_row_are_negative_max_weakens_the_diagonal_and_spread_does_not():
    logits = torch.tensor([[-1.0, -2.0, -3.0]], dtype=torch.float64)
    row = gaussian_band(3, 1)[:1]
    largest = logits.amax()
    plain, by_max, by_spread = (
        (logits + statistic * row).softmax(-1)[0, 0] for statistic in (0.0, largest, largest - logits.mean())
    )
    assert [round(float(weight), 3) for weight in (plain, by_max)] == [0.665, 0.536]
    assert by_spread > plain


def test_it_is_registered_by_its_hook():
    offered = {}

    def register(name, **part):
        offered[name] = part

    checked: Register = register
    tar.register_regularizers(checked)
    assert offered["tar"]["factory"] is Tar
    assert offered["tar"]["options"] is TarOptions


def test_on_joint_models_only_what_is_left_out_has_other_defaults():
    assert TarOptions(sigma={0: 2}).for_joint() == TarOptions(sigma={0: 2}, stat="spread", strength=0.5)
    assert TarOptions(stat="max").for_joint() == TarOptions(stat="max", strength=0.5)
    assert TarOptions(stat="max", strength=1.0).for_joint() == TarOptions()
