"""attach on tiny CogVideoX pipelines: what is particular to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXTransformer3DModel
from diffusers.pipelines.cogvideo.pipeline_cogvideox_image2video import CogVideoXImageToVideoPipeline
from diffusers.schedulers.scheduling_dpm_cogvideox import CogVideoXDPMScheduler
from PIL import Image

from tests.attaching.families import FAMILIES, ONE, OTHER, TAR, state
from tests.tiny_cogvideox import TRANSFORMER
from vstar_sdk import attach
from vstar_sdk.errors import ModelError, SpecError

make = FAMILIES["cogvideox 5b"].make


@pytest.fixture
def pipe(pipelines):
    return pipelines("cogvideox 5b")


def test_dynamic_guidance_is_one_batch_too(pipe):
    plain = make(pipe, use_dynamic_cfg=True)
    with attach(pipe, [], [ONE, ONE]):
        assert torch.equal(make(pipe, OTHER, use_dynamic_cfg=True), plain)


def test_dpm_and_offloading(pipe):
    """Another scheduler, whose steps the pipeline takes in its own way, and weights that come and go."""
    pipe.scheduler = CogVideoXDPMScheduler.from_config(pipe.scheduler.config)
    plain, before = make(pipe), state(pipe)
    with attach(pipe, [TAR], [ONE]):
        wanted = make(pipe)
    assert not torch.allclose(wanted, plain, atol=1e-3)
    assert state(pipe) == before
    cpu_offload(pipe.transformer, execution_device=torch.device("cpu"))
    before = state(pipe)
    with attach(pipe, [TAR], [ONE]):
        assert torch.equal(make(pipe), wanted)
    assert state(pipe) == before
    assert torch.equal(make(pipe), plain)


def test_fused_projections_are_refused_by_name(pipe):
    pipe.transformer.fuse_qkv_projections()
    with pytest.raises(ModelError, match="transformer has fused projections"), attach(pipe, [TAR]):
        pass


def test_a_block_that_is_not_there_is_named(pipe):
    with attach(pipe, [{**TAR, "blocks": [0, 2]}]), pytest.raises(SpecError, match="no block 2; it has blocks 0 to 1"):
        make(pipe)


def test_image_to_video(pipe):
    """Its latents have the picture's behind them, channel by channel; frames and text are where they are."""
    parts = pipe.components
    network: Any = CogVideoXTransformer3DModel(**TRANSFORMER | {"in_channels": 8, "use_rotary_positional_embeddings": True})
    pipe = CogVideoXImageToVideoPipeline(**parts | {"transformer": network})
    pipe.set_progress_bar_config(disable=True)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))
    plain = make(pipe, image=picture)
    with attach(pipe, [TAR], [ONE]):
        assert not torch.allclose(make(pipe, OTHER, image=picture), plain, atol=1e-4)
    with attach(pipe, [], [ONE]):
        assert torch.equal(make(pipe, OTHER, image=picture), plain)


def test_cogvideox_1_5_is_refused_with_the_reason(pipe):
    pipe.transformer.register_to_config(patch_size_t=2)
    with pytest.raises(ModelError, match="joins 2 latent frames in one token"), attach(pipe, [TAR]):
        pass
