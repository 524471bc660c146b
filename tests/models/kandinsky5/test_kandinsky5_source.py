"""Kandinsky 5 before it is loaded: facts, refusals, the real configuration."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import torch
from diffusers.models.transformers.transformer_kandinsky import Kandinsky5Transformer3DModel

from tests.transformer_models import changed, configured, source
from vstar_sdk.errors import ModelError
from vstar_sdk.models.estimates import Workload


def test_the_configuration_files_say_what_the_model_is(kandinsky5_dir):
    facts = source("kandinsky5_dir", kandinsky5_dir).facts()
    assert [site.name for site in facts.sites] == [f"visual_transformer_blocks.{block}.self_attention" for block in (0, 1)]
    assert {(site.kind, site.block, site.level, site.heads, site.head_dim) for site in facts.sites} == {
        ("joint", "stack", 0, 2, 16)
    }
    assert (facts.rhythm.formula, facts.one_text, facts.size_multiple, facts.max_frames) == ("1 + 4 k", False, 16, 509)
    assert (facts.scheduler, facts.scheduler_config["shift"]) == ("flow-euler", 5.0)


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        ("transformer/config.json", {"attention_type": "nabla"}, r"its attention is sparse \(nabla\)"),
        ("transformer/config.json", {"patch_size": [2, 2, 2]}, "joins 2 latent frames in one token"),
        ("transformer/config.json", {"in_visual_dim": 16}, "takes 16 channels, and the latents have 4"),
        ("transformer/config.json", {"_class_name": "WanTransformer3DModel"}, "its transformer is a WanTransformer3DModel"),
        ("vae/config.json", {"_class_name": "AutoencoderKLWan"}, "its vae is a AutoencoderKLWan"),
        ("model_index.json", {"_class_name": "Kandinsky5I2VPipeline"}, "its pipeline is a Kandinsky5I2VPipeline"),
    ],
)
def test_another_model_of_the_family_is_refused_by_what_it_is(kandinsky5_dir, tmp_path, file, changes, reason):
    model = source("kandinsky5_dir", changed(kandinsky5_dir, tmp_path / "model", file, changes))
    with pytest.raises(ModelError, match=reason):
        model.facts()


REAL = {
    "transformer": {
        "in_visual_dim": 16,
        "out_visual_dim": 16,
        "in_text_dim": 3584,
        "in_text_dim2": 768,
        "time_dim": 512,
        "patch_size": [1, 2, 2],
        "model_dim": 1792,
        "ff_dim": 7168,
        "num_text_blocks": 2,
        "num_visual_blocks": 32,
        "axes_dims": [16, 24, 24],
        "visual_cond": True,
    },
    "vae": {"latent_channels": 16},
    "text_encoder": {"model_type": "qwen2_5_vl", "text_config": {"num_hidden_layers": 1}, "vision_config": {"depth": 1}},
    "text_encoder_2": {"model_type": "clip_text_model", "num_hidden_layers": 1, "hidden_size": 768, "num_attention_heads": 12},
    "scheduler": {"shift": 5.0},
}


def test_the_real_configuration_of_the_lite_model(kandinsky5_dir, tmp_path):
    """Sites, size of the clip and an estimate of its cost, without weights."""
    configured(tmp_path, REAL)
    shutil.copy(kandinsky5_dir / "model_index.json", tmp_path)
    model = source("kandinsky5_dir", tmp_path)
    facts = model.facts()
    facts.check(121, 768, 512)
    assert (len(facts.sites), facts.clock(121, 24.0).latents, facts.sites[0].heads) == (32, 31, 28)
    with torch.device("meta"):
        network: Any = Kandinsky5Transformer3DModel.from_config(REAL["transformer"])
    assert all(network.get_submodule(site.name).num_heads == 28 for site in facts.sites)
    estimate = model.estimate(Workload(frames=17, width=768, height=512, branches=1, dtype="bfloat16"))
    assert 1.7e9 < estimate.weights["denoiser"] / 2 < 2.4e9
    attention = 4 * (5 * 32 * 48) ** 2 * 1792 * 32
    assert attention < estimate.call_flops < 20 * attention
    assert estimate.decode_bytes > 2**28
