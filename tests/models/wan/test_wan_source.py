"""Wan 2.1 and 2.2 before they are loaded: facts, refusals, the real configuration."""

from __future__ import annotations

import shutil

import pytest
import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

from tests.transformer_models import T5_XXL, changed, configured, source
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.site_check import check_sites
from vstar_sdk.models.estimates import Workload
from vstar_sdk.models.wan.adapter import self_attentions
from vstar_sdk.models.wan.experts import WanExperts


@pytest.mark.parametrize("model", ["wan_21", "wan_22"], indirect=True)
def test_the_configuration_files_say_what_the_model_is(model):
    facts = source("wan_21", model).facts()
    two = model.name.startswith("wan-2.2")
    names = [f"transformer{expert}.blocks.{block}.attn1" for expert in ("", "_2")[: 1 + two] for block in (0, 1)]
    assert [site.name for site in facts.sites] == names
    assert {(site.kind, site.block, site.level, site.heads, site.head_dim) for site in facts.sites} == {
        ("joint", "stack", 0, 2, 12)
    }
    assert [site.index for site in facts.sites] == [0, 1] * (1 + two)
    assert (facts.name, facts.rhythm.formula, facts.size_multiple) == (("Wan 2.2" if two else "Wan 2.1"), "1 + 4 k", 16)


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        ("transformer/config.json", {"in_channels": 36}, "takes 36 channels, and the latents have 4: it needs more"),
        ("transformer/config.json", {"image_dim": 1280}, "takes 4 channels, and the latents have 4"),
        ("transformer/config.json", {"patch_size": [2, 2, 2]}, "joins 2 latent frames in one token"),
        (
            "transformer/config.json",
            {"_class_name": "WanVACETransformer3DModel"},
            "its transformer is a WanVACE",
        ),
        ("model_index.json", {"boundary_ratio": 0.9}, "names transformer with boundary_ratio 0.9"),
        ("model_index.json", {"transformer": [None, None]}, "names no transformer"),
    ],
)
def test_another_model_of_the_family_is_refused_by_what_it_is(wan_21, tmp_path, file, changes, reason):
    model = source("wan_21", changed(wan_21, tmp_path / "model", file, changes))
    with pytest.raises(ModelError, match=reason):
        model.facts()


@pytest.mark.parametrize(
    ("fixture", "changes", "reason"),
    [
        ("skyreels_dir", {"num_frame_per_block": 3}, "causal in blocks of 3 latent frames"),
        ("skyreels_dir", {"inject_sample_info": True}, "is told the frame rate"),
        ("skyreels_dir", {"_class_name": "WanTransformer3DModel"}, "its transformer is a WanTransformer3DModel"),
        ("wan_21", {"_class_name": "SkyReelsV2Transformer3DModel"}, "its transformer is a SkyReelsV2Transformer3DModel"),
    ],
)
def test_skyreels_and_wan_are_told_apart_and_diffusion_forcing_is_refused(request, tmp_path, fixture, changes, reason):
    folder = changed(request.getfixturevalue(fixture), tmp_path / "model", "transformer/config.json", changes)
    with pytest.raises(ModelError, match=reason):
        source(fixture, folder).facts()


REAL = {
    "transformer": {
        "num_attention_heads": 12,
        "attention_head_dim": 128,
        "ffn_dim": 8960,
        "num_layers": 30,
        "in_channels": 16,
        "out_channels": 16,
        "text_dim": 4096,
        "freq_dim": 256,
        "patch_size": [1, 2, 2],
    },
    "text_encoder": T5_XXL | {"vocab_size": 256384, "model_type": "umt5"},
    "vae": {"z_dim": 16, "base_dim": 96},
}


def test_the_real_configuration_of_the_small_model(wan_21, tmp_path):
    """Wan 2.1 1.3B: sites, size of the clip and an estimate of its cost, without weights."""
    configured(tmp_path, REAL)
    shutil.copy(wan_21 / "model_index.json", tmp_path)
    shutil.copytree(wan_21 / "scheduler", tmp_path / "scheduler")
    model = source("wan_21", tmp_path)
    facts = model.facts()
    facts.check(81, 832, 480)
    assert (len(facts.sites), facts.clock(81, 16.0).latents, facts.max_frames) == (30, 21, 4093)
    with torch.device("meta"):
        network = WanTransformer3DModel.from_config(REAL["transformer"])
    experts = WanExperts(network)  # pyright: ignore[reportArgumentType]
    check_sites(network, facts, self_attentions(experts), tmp_path)  # pyright: ignore[reportArgumentType]
    estimate = model.estimate(Workload(frames=81, width=832, height=480, branches=1, dtype="bfloat16"))
    assert 1.3e9 < estimate.weights["denoiser"] / 2 < 1.5e9
    attention = 4 * 32760**2 * 1536 * 30
    assert attention < estimate.call_flops < 2 * attention
    assert 2**30 < estimate.decode_bytes < 10 * 2**30
