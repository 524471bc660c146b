"""window, alibi and temperature: what each does to the attention."""

import math

import pytest
import torch
from pydantic import ValidationError

from vstar_sdk.attention.check import check_regularizer
from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.errors import SpecError
from vstar_sdk.regularizers.alibi import Alibi, AlibiOptions
from vstar_sdk.regularizers.temperature import Temperature, TemperatureOptions
from vstar_sdk.regularizers.window import Window, WindowOptions

FRAMES = 12
ADDRESS = SiteAddress("attn", "down", 0, 2, 16)
SITE = Site.of(ADDRESS, FRAMES, 8.0)
INIT = Site("transformer_in", "init", 0, 2, 16, FRAMES, 8.0)
Q, K, V = torch.randn(3, 5, 2, FRAMES, 16, generator=torch.Generator().manual_seed(0))
DISTANCE = torch.arange(12.0)[:, None] - torch.arange(12.0)


def maps(regularizer, site=SITE):
    """The attention maps with a regularizer: the identity in the place of the values."""
    acts = (Act("it", (0.0, 1.0), tuple(regularizer.operations(site))),)
    return compile_acts(site, acts)(Q, K, torch.eye(FRAMES).expand(5, 2, FRAMES, FRAMES))


@pytest.mark.parametrize("radius", [2, "0.25s", "16.67%"])
def test_a_window_hides_what_is_farther_than_its_radius(radius):
    seen = maps(Window(WindowOptions(radius=radius)))
    assert bool((seen[..., DISTANCE.abs() > 2] == 0).all())
    assert bool((seen[..., DISTANCE.abs() <= 2] > 0).all())


def test_a_window_of_less_than_a_frame_leaves_every_frame_to_itself():
    torch.testing.assert_close(maps(Window(WindowOptions(radius={0: 0.5}))), torch.eye(FRAMES).expand(5, 2, -1, -1))


def test_alibi_takes_its_slope_from_the_logits_for_every_frame_of_distance():
    expected = (Q @ K.mT / 4 - 0.3 * DISTANCE.abs()).softmax(-1)
    torch.testing.assert_close(maps(Alibi(AlibiOptions(slope=0.3))), expected, atol=1e-6, rtol=0)  # type: ignore[arg-type]


def entropy(of):
    return float(-(of * of.clamp_min(1e-30).log()).sum(-1).mean())


def test_temperature_sharpens_a_clip_longer_than_those_of_the_training():
    factor = math.sqrt(math.log(12) / math.log(4))
    found = maps(Temperature(TemperatureOptions(trained_frames=4)))
    torch.testing.assert_close(found, (factor * Q @ K.mT / 4).softmax(-1), atol=1e-6, rtol=0)
    assert entropy(found) < entropy((Q @ K.mT / 4).softmax(-1))


def test_a_scale_that_is_written_takes_the_place_of_the_rule():
    torch.testing.assert_close(
        maps(Temperature(TemperatureOptions(scale=2.0))), (2 * Q @ K.mT / 4).softmax(-1), atol=1e-6, rtol=0
    )


def test_temperature_at_the_length_of_the_training_does_nothing_and_is_told():
    with pytest.raises(SpecError, match="Temperature: has no operation at any"):
        check_regularizer(Temperature(TemperatureOptions(trained_frames=FRAMES)), [ADDRESS], Clock(FRAMES, 8.0))


@pytest.mark.parametrize("regularizer", [Window(WindowOptions()), Alibi(AlibiOptions()), Temperature(TemperatureOptions())])
def test_the_first_transformer_is_never_touched(regularizer):
    assert regularizer.operations(SITE)
    assert not regularizer.operations(INIT)


def test_levels_are_named_by_their_numbers():
    assert WindowOptions(radius={1: 4}).named_levels() == {1}
    assert AlibiOptions(slope={2: 0.5}).named_levels() == {2}
    assert TemperatureOptions(levels=[1]).named_levels() == {1}
    assert not Temperature(TemperatureOptions(levels=[1])).operations(SITE)


@pytest.mark.parametrize("wrong", [{"radius": 0}, {"radius": {}}, {"radius": {0: -1}}, {"radius": True}])
def test_a_window_has_a_radius(wrong):
    with pytest.raises(ValidationError):
        WindowOptions(**wrong)


def test_a_window_as_wide_as_the_clip_does_nothing_and_is_told():
    with pytest.raises(SpecError, match="Window: has no operation at any"):
        check_regularizer(Window(WindowOptions(radius={0: FRAMES - 1})), [ADDRESS], Clock(FRAMES, 8.0))
    # The first latent frame stands for one frame alone: 5 latent frames are 3.625 regular ones apart.
    with pytest.raises(SpecError, match="Window: has no operation at any"):
        check_regularizer(Window(WindowOptions(radius={0: 3.7})), [ADDRESS], Clock(17, 8.0, Rhythm.causal(4)))
