"""HunyuanVideo 1.5 before it is loaded: facts, refusals, the real configuration."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.transformers.transformer_hunyuan_video15 import (
    HunyuanVideo15Transformer3DModel,
    HunyuanVideo15TransformerBlock,
)

from tests.transformer_models import changed, configured, source
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.estimates import Workload


def test_the_configuration_files_say_what_the_model_is(hunyuan15_dir):
    facts = source("hunyuan15_dir", hunyuan15_dir).facts()
    assert [site.name for site in facts.sites] == ["transformer_blocks.0.attn", "transformer_blocks.1.attn"]
    assert {(site.kind, site.block, site.level, site.heads, site.head_dim) for site in facts.sites} == {
        ("joint", "stack", 0, 2, 16)
    }
    assert (facts.rhythm.formula, facts.one_text, facts.size_multiple, facts.guidance) == ("1 + 4 k", True, 16, 4.0)
    assert (facts.width, facts.height) == (80, 48)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task_type": "v2v"}, "its task is v2v"),
        ({"use_meanflow": True}, "mean flow"),
        ({"in_channels": 4}, "takes 4 channels"),
        ({"patch_size_t": 2}, "joins 2 latent frames in one token"),
        ({"_class_name": "HunyuanVideoTransformer3DModel"}, "its transformer is a HunyuanVideoTransformer3DModel"),
    ],
)
def test_another_model_of_the_family_is_refused_by_what_it_is(hunyuan15_dir, tmp_path, changes, reason):
    model = source("hunyuan15_dir", changed(hunyuan15_dir, tmp_path / "model", "transformer/config.json", changes))
    with pytest.raises(ModelError, match=reason):
        model.facts()


REAL = {
    "transformer": {
        "num_attention_heads": 16,
        "attention_head_dim": 128,
        "num_layers": 54,
        "in_channels": 65,
        "out_channels": 32,
        "task_type": "t2v",
        "target_size": 640,
    },
    "vae": {"latent_channels": 32},
    "text_encoder": {"num_hidden_layers": 1, "model_type": "qwen2_5_vl_text"},
    "text_encoder_2": {"d_model": 1472, "d_kv": 64, "d_ff": 3584, "num_layers": 1, "num_heads": 6, "model_type": "t5"},
    "scheduler": {"shift": 5.0},
}


def test_the_real_configuration(tmp_path):
    """Sites, size of the clip and an estimate of its cost, without weights."""
    model = source("hunyuan15_dir", configured(tmp_path, REAL))
    facts = model.facts()
    facts.check(121, 848, 480)
    assert (len(facts.sites), facts.clock(121, 24.0).latents, facts.frames) == (54, 31, 121)
    assert (facts.width, facts.height, facts.guidance) == (848, 480, 6.0)
    with torch.device("meta"):
        network: Any = HunyuanVideo15Transformer3DModel.from_config(REAL["transformer"])
    check_sites(network, facts, attentions_within(network, HunyuanVideo15TransformerBlock, Attention), tmp_path)
    estimate = model.estimate(Workload(frames=17, width=848, height=480, branches=1, dtype="bfloat16"))
    assert 8e9 < estimate.weights["denoiser"] / 2 < 9e9
    attention = 4 * (5 * 30 * 53 + 1985) ** 2 * 2048 * 54
    assert attention < estimate.call_flops < 9 * attention
