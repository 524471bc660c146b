"""Mochi before it is loaded: facts, refusals, the real configuration."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import MochiAttention
from diffusers.models.transformers.transformer_mochi import MochiTransformer3DModel, MochiTransformerBlock

from tests.transformer_models import T5_XXL, changed, configured, source
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.estimates import Workload


def test_the_configuration_files_say_what_the_model_is(mochi_dir):
    facts = source("mochi_dir", mochi_dir).facts()
    assert [site.name for site in facts.sites] == ["transformer_blocks.0.attn1", "transformer_blocks.1.attn1"]
    assert {(site.kind, site.block, site.level, site.heads, site.head_dim) for site in facts.sites} == {
        ("joint", "stack", 0, 2, 8)
    }
    assert (facts.rhythm.formula, facts.one_text, facts.size_multiple) == ("1 + 6 k", True, 16)
    assert facts.scheduler_config["shift"] == 1.0


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        ("transformer/config.json", {"in_channels": 24}, "takes 24 channels, and the latents have 12"),
        ("transformer/config.json", {"_class_name": "WanTransformer3DModel"}, "its transformer is a WanTransformer3DModel"),
        ("vae/config.json", {"_class_name": "AutoencoderKLWan"}, "its vae is a AutoencoderKLWan"),
    ],
)
def test_another_model_is_refused_by_what_it_is(mochi_dir, tmp_path, file, changes, reason):
    model = source("mochi_dir", changed(mochi_dir, tmp_path / "model", file, changes))
    with pytest.raises(ModelError, match=reason):
        model.facts()


REAL = {
    "transformer": {
        "patch_size": 2,
        "num_attention_heads": 24,
        "attention_head_dim": 128,
        "num_layers": 48,
        "pooled_projection_dim": 1536,
        "in_channels": 12,
        "text_embed_dim": 4096,
        "time_embed_dim": 256,
    },
    "vae": {},
    "text_encoder": T5_XXL,
    "scheduler": {"invert_sigmas": True},
}


def test_the_real_configuration(tmp_path):
    """Sites, size of the clip and an estimate of its cost, without weights."""
    model = source("mochi_dir", configured(tmp_path, REAL))
    facts = model.facts()
    facts.check(163, 848, 480)
    assert (len(facts.sites), facts.clock(163, 30.0).latents) == (48, 28)
    with torch.device("meta"):
        network: Any = MochiTransformer3DModel.from_config(REAL["transformer"])
    check_sites(network, facts, attentions_within(network, MochiTransformerBlock, MochiAttention), tmp_path)
    estimate = model.estimate(Workload(frames=19, width=848, height=480, branches=1, dtype="bfloat16"))
    assert 9.5e9 < estimate.weights["denoiser"] / 2 < 10.5e9
    attention = 4 * (4 * 30 * 53 + 256) ** 2 * 3072 * 48
    assert attention < estimate.call_flops < 16 * attention
    assert estimate.decode_bytes > 2**28
