"""MiniMax-H3 before it is loaded: facts, its time, refusals, the released model's configuration."""

from __future__ import annotations

import warnings

import pytest

from tests.transformer_models import changed, source
from vstar_sdk.clock import Clock
from vstar_sdk.errors import ModelError
from vstar_sdk.models.estimates import Workload
from vstar_sdk.models.minimax_h3.sites import RHYTHM
from vstar_sdk.models.minimax_h3.source import NOTICE
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.finding import CONFIGURATION, find_model
from vstar_sdk.weights.outlines import outlined


def test_the_configuration_files_say_what_the_model_is(minimax_h3_dir):
    facts = source("minimax_h3_dir", minimax_h3_dir).facts()
    names = ["transformer_blocks.0.attn", "transformer_blocks.1.attn"]
    assert [site.name for site in facts.sites] == [site.name for site in facts.text_sites] == names
    assert {(site.kind, site.reads) for site in facts.text_sites} == {("joint", True)}
    assert (facts.one_text, facts.size_multiple, facts.guidance, facts.frames, facts.fps) == (True, 32, 1.0, 124, 24.0)
    assert (facts.width, facts.height) == (1344, 768)
    assert facts.scheduler_config["shift"] == 12.0


@pytest.mark.parametrize("frames", [22, 39, 124, 345])
def test_every_frame_is_in_one_latent_frame_and_times_increase(frames):
    """``17 n + 5`` frames in ``5 n + 2`` latent frames of 1, 4, 4, 4 and 4."""
    clock = Clock(frames, 24.0, RHYTHM)
    assert clock.latents == 5 * ((frames - 5) // 17) + 2
    assert [frame for span in clock.spans for frame in span] == list(range(frames))
    assert [len(span) for span in clock.spans[:7]] == [1, 4, 4, 4, 4, 1, 4]
    assert all(one < other for one, other in zip(clock.times, clock.times[1:], strict=False))
    assert clock.times[1] == pytest.approx(2.5 / 24)


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        ("transformer/config.json", {"patch_size": [2, 2, 2]}, "joins 2 x 2 x 2 latents in one token"),
        ("transformer/config.json", {"_class_name": "WanTransformer3DModel"}, "its transformer is a WanTransformer3DModel"),
        ("vae/config.json", {"_class_name": "AutoencoderKLWan"}, "its vae is a AutoencoderKLWan"),
        ("vae/config.json", {"clip_length": 9}, "takes 9 frames at a time and drops 3"),
    ],
)
def test_another_model_is_refused_by_what_it_is(minimax_h3_dir, tmp_path, file, changes, reason):
    model = source("minimax_h3_dir", changed(minimax_h3_dir, tmp_path / "model", file, changes))
    with pytest.raises(ModelError, match=reason):
        model.facts()


def test_loading_gives_notice_of_the_licence_once(minimax_h3_dir):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(2):
            source("minimax_h3_dir", minimax_h3_dir).load("cpu", "float32")
    assert [str(one.message) for one in told if one.category is UserWarning] == [NOTICE]
    assert "excludes territories" in NOTICE


@pytest.mark.slow
def test_the_released_model():
    """Sites, size of the clip and an estimate of its cost, without weights."""
    with outlined():
        folder = find_model("MiniMaxAI/MiniMax-H3", None, Resolver(), CONFIGURATION)
        model = source("minimax_h3_dir", folder)
        facts = model.facts()
        facts.check(124, 1344, 768)
        assert (len(facts.sites), facts.clock(124, 24.0).latents) == (50, 37)
        estimate = model.estimate(Workload(frames=22, width=640, height=384, branches=1, dtype="bfloat16"))
    assert 32e9 < estimate.weights["denoiser"] / 2 < 34e9
    tokens = 512 + 2 * 37 + 7 * 12 * 20
    assert 4 * tokens**2 * 7168 * 50 < estimate.call_flops < 20 * 4 * tokens**2 * 7168 * 50
