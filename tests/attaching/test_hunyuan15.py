"""attach on a tiny HunyuanVideo 1.5 pipeline: a guider, masks, two text encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from diffusers.guiders.adaptive_projected_guidance import AdaptiveProjectedGuidance
from diffusers.guiders.skip_layer_guidance import SkipLayerGuidance
from diffusers.models.transformers.transformer_hunyuan_video15 import HunyuanVideo15AttnProcessor2_0
from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5 import HunyuanVideo15Pipeline
from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5_image2video import HunyuanVideo15ImageToVideoPipeline
from PIL import Image
from transformers import SiglipImageProcessor, SiglipVisionConfig, SiglipVisionModel

from tests.joint_oracle import materialised
from vstar_sdk import Bias, attach
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.errors import ModelError, SamplerError
from vstar_sdk.options import RegularizerOptions

SUMMER, WINTER = "a green landscape in summer", 'a winter, "snow" on a sign'
TAR = {"use": "tar", "sigma": {0: 1}, "stat": "spread", "strength": 4.0, "window": [0.0, 1.0]}
TEXT = (48, 24, 4)
"""Tokens of the prompt, the glyphs and the picture: fewer than the real model has, to be quick."""
VIDEO, TOKENS = 5 * 4, 5 * 4 + sum(TEXT)


def loaded(directory: Path) -> Any:
    pipe: Any = HunyuanVideo15Pipeline.from_pretrained(directory)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def shared(hunyuan15_dir: Path) -> Any:
    """One pipeline for all tests that leave its network as it was."""
    return loaded(hunyuan15_dir)


@pytest.fixture
def pipe(shared: Any) -> Any:
    """A pipeline to be attached to; its guider is a test's own."""
    guider = shared.guider
    shared.guider = guider.new()
    shared.tokenizer_max_length, shared.tokenizer_2_max_length, shared.vision_num_semantic_tokens = TEXT
    yield shared
    shared.guider = guider


def make(pipe: Any, prompt: Any = SUMMER, **changes: Any) -> torch.Tensor:
    own = {"num_frames": 17, "num_inference_steps": 3, "height": 32, "width": 32, "output_type": "latent"}
    return pipe(prompt=prompt, generator=torch.Generator().manual_seed(5), **{**own, **changes}).frames


def state(pipe: Any) -> list[Any]:
    """All that attach could have left behind in the network."""
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")
    return [
        (name, id(getattr(module, "processor", None)), *(len(getattr(module, hook)) for hook in hooks), sorted(vars(module)))
        for name, module in pipe.transformer.named_modules()
    ]


def guided(pipe: Any, guider: str) -> None:
    match guider:
        case "apg":
            pipe.guider = AdaptiveProjectedGuidance(guidance_scale=4.0)
        case "off":
            pipe.guider.disable()
        case "late":
            pipe.guider = pipe.guider.new(start=0.5)
        case _:
            pass


@pytest.mark.parametrize(
    "guider", ["cfg", pytest.param("apg", marks=pytest.mark.slow), "off", pytest.param("late", marks=pytest.mark.slow)]
)
def test_a_caption_is_the_pipeline_prompted_with_it_bit_for_bit(pipe, guider):
    guided(pipe, guider)
    plain, other = make(pipe), make(pipe, WINTER)
    assert not torch.allclose(plain, other, atol=1e-3)
    with attach(pipe, [], [SUMMER, SUMMER]):
        assert torch.equal(make(pipe, WINTER), plain)
    with attach(pipe, [], [WINTER]):
        assert torch.equal(make(pipe), other)


def test_the_negative_prompt_is_the_pipelines_own(pipe):
    wanted = make(pipe, SUMMER, negative_prompt="an orange autumn")
    assert not torch.allclose(make(pipe), wanted, atol=1e-3)
    with attach(pipe, [], [SUMMER]):
        assert torch.equal(make(pipe, WINTER, negative_prompt="an orange autumn"), wanted)


def test_several_states_are_refused_by_name_with_the_remedy(pipe):
    with (
        pytest.raises(
            ModelError, match=r"HunyuanVideo15Pipeline does not support 2 different states: .* the same text"
        ) as refused,
        attach(pipe, [TAR], [SUMMER, WINTER]),
    ):
        pass
    assert "Prompt Relay" in str(refused.value.hint)


def test_tar_changes_the_clip_and_strength_0_changes_no_bit(pipe):
    plain = make(pipe)
    with attach(pipe, [TAR]):
        assert not torch.allclose(make(pipe), plain, atol=1e-3)
    with attach(pipe, [{**TAR, "strength": 0.0}]):
        assert torch.equal(make(pipe), plain)


def test_tar_equals_the_materialised_formula(pipe):
    with attach(pipe, [TAR], [WINTER]):
        got = make(pipe, num_inference_steps=1)
    bias = Bias(lambda d: (-d.square() / 2).exp(), stat="spread", strength=4.0)
    with materialised(bias, Clock(17, 24.0, Rhythm.causal(4)), slice(0, VIDEO), TOKENS) as added:
        wanted = make(pipe, WINTER, num_inference_steps=1)
    assert len(added) == 4
    assert torch.allclose(got, wanted, atol=1e-5)


def test_a_regularizer_sees_latent_frames_and_their_time(pipe):
    seen = []

    class Watching:
        options = RegularizerOptions()

        def operations(self, site):
            seen.append(site)
            return [Bias(lambda distance: distance * 0.0)]

    with attach(pipe, [Watching()], fps=24.0):
        make(pipe, num_inference_steps=1)
    assert {(site.kind, site.frames, site.fps) for site in seen} == {("joint", 5, 6.0)}


@pytest.mark.parametrize("call", ["works", "fails"])
def test_afterwards_the_pipeline_is_as_it_was(pipe, call):
    plain, before = make(pipe), state(pipe)
    with attach(pipe, [TAR], [SUMMER]):
        make(pipe)
        assert state(pipe) != before
        if call == "fails":
            with pytest.raises(SamplerError, match="for 2 videos at once"):
                make(pipe, [SUMMER, WINTER])
    assert state(pipe) == before
    assert all(type(block.attn.processor) is HunyuanVideo15AttnProcessor2_0 for block in pipe.transformer.transformer_blocks)
    assert torch.equal(make(pipe), plain)


def test_offloaded_it_makes_the_same_and_is_as_it_was(hunyuan15_dir):
    pipe = loaded(hunyuan15_dir)
    pipe.tokenizer_max_length, pipe.tokenizer_2_max_length, pipe.vision_num_semantic_tokens = TEXT
    with attach(pipe, [TAR], [SUMMER]):
        wanted = make(pipe, WINTER)
    plain = make(pipe)
    cpu_offload(pipe.transformer, execution_device=torch.device("cpu"))
    before = state(pipe)
    with attach(pipe, [TAR], [SUMMER]):
        assert torch.equal(make(pipe, WINTER), wanted)
    assert state(pipe) == before
    assert torch.equal(make(pipe), plain)


def test_a_guider_that_skips_layers_is_refused_by_name(pipe):
    pipe.guider = SkipLayerGuidance(skip_layer_guidance_layers=[1])
    with pytest.raises(ModelError, match="has a guider that changes its layers") as refused, attach(pipe, [TAR]):
        pass
    assert "ClassifierFreeGuidance" in str(refused.value.hint)


def test_text_of_another_length_is_refused(pipe):
    with attach(pipe, [], [SUMMER]):
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
    whole.tokenizer_max_length, whole.tokenizer_2_max_length, whole.vision_num_semantic_tokens = TEXT
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))

    def clip(prompt: str) -> torch.Tensor:
        asked = {"num_frames": 9, "num_inference_steps": 2, "output_type": "latent", "image": picture}
        return whole(prompt=prompt, generator=torch.Generator().manual_seed(5), **asked).frames

    plain = clip(SUMMER)
    with attach(whole, [TAR], [SUMMER]):
        assert not torch.allclose(clip(WINTER), plain, atol=1e-4)
    with attach(whole, [], [SUMMER]):
        assert torch.equal(clip(WINTER), plain)
