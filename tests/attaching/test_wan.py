"""attach on tiny Wan pipelines: what is particular to them."""

from __future__ import annotations

import pytest
import torch
from diffusers.hooks.first_block_cache import FirstBlockCacheConfig

from tests.attaching.families import FAMILIES, TAR
from vstar_sdk import attach
from vstar_sdk.errors import ModelError, SamplerError

make = FAMILIES["wan 2.1"].make


@pytest.fixture
def pipe(pipelines):
    return pipelines("wan 2.1")


def test_fused_projections_are_refused_by_name(pipe):
    pipe.transformer.fuse_qkv_projections()
    with attach(pipe, [TAR]), pytest.raises(ModelError, match="fused projections, which regularizers would remove"):
        make(pipe)


def test_more_frames_than_there_are_positions(pipe):
    with attach(pipe, [TAR]), pytest.raises(SamplerError, match="has positions for 64 frames"):
        make(pipe, num_frames=257, height=16, width=16, num_inference_steps=1)


def test_both_experts_are_nursed(pipelines):
    """The last steps are the second network's alone."""
    pipe = pipelines("wan 2.2")
    late = {**TAR, "window": [0.7, 1.0]}
    plain = make(pipe, num_inference_steps=3)
    with attach(pipe, [late]):
        assert (make(pipe, num_inference_steps=3) - plain).abs().max() > 1e-3


def test_diffusion_forcing_is_refused_for_its_frames_have_no_one_step(pipelines):
    pipe = pipelines("skyreels")
    network, text = pipe.transformer, torch.randn(1, 512, 8)
    steps = torch.full((1, 5), 500)
    with attach(pipe, [TAR]), pytest.raises(SamplerError, match="every latent frame is at a step of its own") as refused:
        network(torch.randn(1, 4, 5, 4, 4), steps, text, enable_diffusion_forcing=True)
    assert "SkyReelsV2Pipeline" in str(refused.value.hint)


def test_a_lora_of_the_pipeline_stays(pipe):
    peft = pytest.importorskip("peft", reason="LoRAs are loaded by peft")
    without = make(pipe)
    torch.manual_seed(3)
    pipe.transformer.add_adapter(peft.LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    plain = make(pipe)
    assert not torch.allclose(plain, without, atol=1e-3)
    with attach(pipe, [{**TAR, "strength": 0.0}]):
        assert torch.equal(make(pipe), plain)
    with attach(pipe, [TAR]):
        assert not torch.allclose(make(pipe), plain, atol=1e-3)
    assert torch.equal(make(pipe), plain)


def test_a_cache_is_refused_beside_regularizers_and_serves_key_states(pipe):
    pipe.transformer.enable_cache(FirstBlockCacheConfig(threshold=0.5))
    with pytest.raises(ModelError, match="a cache, which would skip regularizers") as refused, attach(pipe, [TAR]):
        pass
    assert "disable_cache()" in str(refused.value.hint)
    plain = make(pipe, "a winter", num_inference_steps=4)
    with attach(pipe, [], ["a winter"]):
        assert (make(pipe, num_inference_steps=4) - plain).abs().max() <= 1e-5
