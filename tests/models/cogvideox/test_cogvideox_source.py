"""CogVideoX 2B and 5B before they are loaded: facts, refusals, the real configuration."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXBlock, CogVideoXTransformer3DModel

from tests.transformer_models import T5_XXL, changed, configured, load, source
from vstar_sdk.errors import MissingDependency, ModelError
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.estimates import Workload


@pytest.mark.parametrize("model", ["cogvideox_2b", "cogvideox_5b"], indirect=True)
def test_the_configuration_files_say_what_the_model_is(model):
    facts = source("cogvideox_2b", model).facts()
    assert [site.name for site in facts.sites] == ["transformer_blocks.0.attn1", "transformer_blocks.1.attn1"]
    assert {(site.kind, site.block, site.level, site.heads, site.head_dim) for site in facts.sites} == {
        ("joint", "stack", 0, 2, 16)
    }
    assert facts.name == f"CogVideoX {model.name[10:12].upper()}"
    assert (facts.frames, facts.width, facts.height, facts.size_multiple) == (17, 32, 32, 16)
    assert (facts.rhythm.formula, facts.one_text, facts.scheduler) == ("1 + 4 k", True, "cogvideox-ddim")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"in_channels": 12}, "takes 12 channels, not the 4 of the latents or twice so many"),
        ({"patch_size_t": 2}, r"joins 2 latent frames in one token \(CogVideoX 1.5\)"),
        ({"_class_name": "ConsisIDTransformer3DModel"}, "its transformer is a ConsisID"),
        ({"use_learned_positional_embeddings": True}, "positions are learned for one picture size"),
    ],
)
def test_another_model_of_the_family_is_refused_by_what_it_is(cogvideox_2b, tmp_path, changes, reason):
    model = source("cogvideox_2b", changed(cogvideox_2b, tmp_path / "model", "transformer/config.json", changes))
    with pytest.raises(ModelError, match=reason):
        model.facts()


def test_a_tokenizer_that_needs_a_package_names_it(cogvideox_2b, tmp_path, monkeypatch):
    copied = tmp_path / "model"
    shutil.copytree(cogvideox_2b, copied)
    (copied / "tokenizer" / "tokenizer.json").rename(copied / "tokenizer" / "spiece.model")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)  # as if it were not installed
    with pytest.raises(MissingDependency, match="sentencepiece") as refused:
        load("cogvideox_2b", copied)
    assert refused.value.hint == "pip install sentencepiece protobuf"


REAL = {
    "transformer": {
        "num_attention_heads": 30,
        "attention_head_dim": 64,
        "in_channels": 16,
        "out_channels": 16,
        "num_layers": 30,
        "text_embed_dim": 4096,
        "time_embed_dim": 512,
        "max_text_seq_length": 226,
        "sample_width": 90,
        "sample_height": 60,
        "sample_frames": 49,
        "patch_size": 2,
    },
    "text_encoder": T5_XXL,
    "vae": {"block_out_channels": [128, 256, 256, 512], "latent_channels": 16, "temporal_compression_ratio": 4},
}


def written(like, directory):
    """The 2B's configuration in a folder, without weights."""
    configured(directory, REAL)
    shutil.copytree(like / "scheduler", directory / "scheduler")
    return source("cogvideox_2b", directory)


def test_the_real_configuration_of_the_2b(cogvideox_2b, tmp_path):
    facts = written(cogvideox_2b, tmp_path).facts()
    facts.check(49, 720, 480)
    assert (facts.name, len(facts.sites), facts.clock(49, 8.0).latents) == ("CogVideoX 2B", 30, 13)
    assert (facts.frames, facts.width, facts.height) == (49, 720, 480)
    with torch.device("meta"):
        network: Any = CogVideoXTransformer3DModel.from_config(REAL["transformer"])
    check_sites(network, facts, attentions_within(network, CogVideoXBlock, Attention), tmp_path)


@pytest.mark.slow
def test_an_estimate_of_the_2b(cogvideox_2b, tmp_path):
    model = written(cogvideox_2b, tmp_path)
    estimate = model.estimate(Workload(frames=17, width=720, height=480, branches=1, dtype="bfloat16"))
    assert 1.6e9 < estimate.weights["denoiser"] / 2 < 1.8e9
    attention = 4 * (5 * 30 * 45 + 226) ** 2 * 1920 * 30
    assert attention < estimate.call_flops < 9 * attention
    assert 2**29 < estimate.decode_bytes < 20 * 2**30
