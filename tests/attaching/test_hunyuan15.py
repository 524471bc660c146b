"""attach on a tiny HunyuanVideo 1.5 pipeline: what is particular to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.guiders.adaptive_projected_guidance import AdaptiveProjectedGuidance
from diffusers.guiders.skip_layer_guidance import SkipLayerGuidance
from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5_image2video import HunyuanVideo15ImageToVideoPipeline
from PIL import Image
from transformers import SiglipImageProcessor, SiglipVisionConfig, SiglipVisionModel

from tests.attaching.families import FAMILIES, ONE, OTHER, TAR
from vstar_sdk import attach
from vstar_sdk.errors import ModelError, SamplerError

held = FAMILIES["hunyuan15"]
make = held.make


@pytest.fixture
def pipe(pipelines):
    return pipelines("hunyuan15")


def guided(pipe: Any, guider: str) -> None:
    match guider:
        case "apg":
            pipe.guider = AdaptiveProjectedGuidance(guidance_scale=4.0)
        case "off":
            pipe.guider.disable()
        case "late":
            pipe.guider = pipe.guider.new(start=0.5)


@pytest.mark.parametrize(
    "guider", [pytest.param("apg", marks=pytest.mark.slow), "off", pytest.param("late", marks=pytest.mark.slow)]
)
def test_a_caption_is_the_pipeline_prompted_with_it_bit_for_bit(pipe, guider):
    guided(pipe, guider)
    plain, other = make(pipe), make(pipe, OTHER)
    assert not torch.allclose(plain, other, atol=1e-3)
    with attach(pipe, [], [ONE, ONE]):
        assert torch.equal(make(pipe, OTHER), plain)
    with attach(pipe, [], [OTHER]):
        assert torch.equal(make(pipe), other)


def test_a_guider_that_skips_layers_is_refused_by_name(pipe):
    pipe.guider = SkipLayerGuidance(skip_layer_guidance_layers=[1])
    with pytest.raises(ModelError, match="has a guider that changes its layers") as refused, attach(pipe, [TAR]):
        pass
    assert "ClassifierFreeGuidance" in str(refused.value.hint)


def test_text_of_another_length_is_refused(pipe):
    with attach(pipe, [], [ONE]):
        pipe.tokenizer_max_length = 40
        with pytest.raises(SamplerError, match="has embeddings of"):
            make(pipe)


def test_image_to_video(pipe):
    """The picture's tokens stand among those of the text, and its latents beside the noise; frames are where they are."""
    eyes = SiglipVisionConfig(hidden_size=4, intermediate_size=4, num_hidden_layers=1, num_attention_heads=1, image_size=16)
    eyes.patch_size = 8
    parts = {"image_encoder": SiglipVisionModel(eyes), "feature_extractor": SiglipImageProcessor(size=(16, 16))}
    whole: Any = HunyuanVideo15ImageToVideoPipeline(**pipe.components, **parts)
    whole.set_progress_bar_config(disable=True)
    held.prepare(whole)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))

    def clip(prompt: str) -> torch.Tensor:
        asked = {"num_frames": 9, "num_inference_steps": 2, "output_type": "latent", "image": picture}
        return whole(prompt=prompt, generator=torch.Generator().manual_seed(5), **asked).frames

    plain = clip(ONE)
    with attach(whole, [TAR], [ONE]):
        assert not torch.allclose(clip(OTHER), plain, atol=1e-4)
    with attach(whole, [], [ONE]):
        assert torch.equal(clip(OTHER), plain)
