"""Motif-Video before it is loaded: facts, refusals, the released model's configuration."""

from __future__ import annotations

import pytest

from tests.transformer_models import changed, source
from vstar_sdk import load_spec
from vstar_sdk.errors import ModelError, SpecError
from vstar_sdk.models.estimates import Workload
from vstar_sdk.models.motif.source import schedule
from vstar_sdk.resolver import Resolver
from vstar_sdk.weights.finding import CONFIGURATION, find_model
from vstar_sdk.weights.outlines import outlined


def test_the_configuration_files_say_what_the_model_is(motif_dir):
    facts = source("motif_dir", motif_dir).facts()
    names = ["transformer_blocks.0.attn", "single_transformer_blocks.0.attn", "single_transformer_blocks.1.attn"]
    assert [site.name for site in facts.sites] == names
    assert [site.index for site in facts.sites] == [0, 1, 2]
    read = [(site.name, site.kind) for site in facts.text_sites]
    assert read == [(names[0], "joint"), (names[1], "joint"), ("single_transformer_blocks.0.cross_attn", "cross")]
    assert (facts.rhythm.formula, facts.one_text, facts.size_multiple, facts.guidance) == ("1 + 4 k", True, 16, 4.0)
    assert (facts.trained, facts.needs) == (("first",), ())
    assert facts.scheduler_config["shift"] == 5.0


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        ("transformer/config.json", {"in_channels": 16}, "takes 16 channels; expected are twice the 4"),
        ("transformer/config.json", {"patch_size_t": 2}, "joins 2 latent frames in one token"),
        ("transformer/config.json", {"_class_name": "WanTransformer3DModel"}, "its transformer is a WanTransformer3DModel"),
        ("vae/config.json", {"_class_name": "AutoencoderKLMochi"}, "its vae is a AutoencoderKLMochi"),
    ],
)
def test_another_model_is_refused_by_what_it_is(motif_dir, tmp_path, file, changes, reason):
    model = source("motif_dir", changed(motif_dir, tmp_path / "model", file, changes))
    with pytest.raises(ModelError, match=reason):
        model.facts()


def test_one_that_sees_no_pictures_reads_none(motif_dir, tmp_path):
    model = changed(motif_dir, tmp_path / "model", "transformer/config.json", {"image_embed_dim": None})
    assert source("motif_dir", model).facts().trained == ()


def test_loras_are_refused_with_the_reason(motif_dir):
    model = {"use": "motif", "path": str(motif_dir), "loras": [{"path": "./a.safetensors"}]}
    with pytest.raises(SpecError, match="motif takes no LoRAs: its pipeline in diffusers has no loader"):
        load_spec({"prompt": "a beach", "model": model})


def test_where_the_shift_grows_with_the_clip_a_token_is_four_latents():
    own = {"use_dynamic_shifting": True, "base_image_seq_len": 100, "shift": 3.0}
    written = schedule(own, None, 2)
    assert (written["base_image_seq_len"], written["max_image_seq_len"]) == (400, 4 * 4096)
    assert schedule(own, 7.0, 2)["flow_shift"] == 7.0


@pytest.mark.slow
def test_the_released_model(tmp_path):
    """Sites, size of the clip and an estimate of its cost, without weights."""
    with outlined():
        folder = find_model("Motif-Technologies/Motif-Video-2B", None, Resolver(), CONFIGURATION)
        model = source("motif_dir", folder)
        facts = model.facts()
        facts.check(121, 1280, 736)
        assert (len(facts.sites), facts.clock(121, 24.0).latents) == (36, 31)
        assert [site.kind for site in facts.text_sites] == ["joint"] * 28 + ["cross"] * 16
        estimate = model.estimate(Workload(frames=17, width=640, height=368, branches=1, dtype="bfloat16"))
    assert 1.9e9 < estimate.weights["denoiser"] / 2 < 2.1e9
    video, text = 5 * 23 * 40, 512
    attention = 4 * 1536 * (28 * (video + text) ** 2 + 8 * (2 * video) ** 2 + 16 * video * text)
    assert attention < estimate.call_flops < 12 * attention
