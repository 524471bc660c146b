"""HunyuanVideo 1.5, loaded: against diffusers' pipeline, text with masks, decoding in bounded memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuanvideo15 import AutoencoderKLHunyuanVideo15
from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5 import HunyuanVideo15Pipeline

from tests.denoised import denoised, scheduler_for
from tests.tiny_hunyuan15 import VAE
from tests.transformer_models import FEW, FRAMES, ONE, check_decoded, check_frames, latents
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.hunyuan15.decoding import decode_causally
from vstar_sdk.models.hunyuan15.source import widescreen
from vstar_sdk.models.hunyuan15.text import Text, unpacked

LATENT_FRAMES = 5
TEXT = 'winter, "snow" and "ice" on a sign'


@pytest.fixture
def pipe(adapter) -> Any:
    """diffusers' own pipeline of the same parts."""
    parts = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "vae")
    made: Any = HunyuanVideo15Pipeline(
        **{name: getattr(adapter, name) for name in parts},
        transformer=adapter.denoiser,
        scheduler=scheduler_for("flow-euler", adapter.scheduler_config),  # pyright: ignore[reportArgumentType]
        guider=HunyuanVideo15Pipeline.from_pretrained(adapter.directory).guider,
    )
    made.set_progress_bar_config(disable=True)
    made.tokenizer_max_length, made.tokenizer_2_max_length, made.vision_num_semantic_tokens = FEW.prompt, FEW.glyphs, FEW.picture
    return made


@pytest.mark.parametrize("target", [640, 960])
def test_its_own_size_is_the_pipelines(pipe, target):
    width, height = widescreen(target, 16)
    assert (height, width) == pipe.video_processor.calculate_default_height_width(9, 16, target)


def test_text_and_masks_are_what_the_pipeline_reads(adapter, pipe):
    for prompt in (ONE, TEXT):
        read = unpacked(adapter.encode([prompt]), FEW.glyphs, (16, 8))
        for own, wanted in zip(read, pipe.encode_prompt(prompt), strict=True):
            assert torch.equal(own, wanted)
    assert read.glyphs_mask.sum() > 0
    assert 0 < read.prompt_mask.sum() < FEW.prompt


def test_packing_is_undone():
    text = Text(torch.randn(2, 5, 3), torch.ones(2, 5), torch.randn(2, 4, 6), torch.zeros(2, 4))
    for one, other in zip(unpacked(text.packed(), 4, (3, 6)), text, strict=True):
        assert torch.equal(one, other)


def test_with_one_prompt_it_samples_what_diffusers_pipeline_does(adapter, pipe):
    noise = latents(adapter)
    asked = {"prompt": TEXT, "negative_prompt": ONE, "height": 32, "width": 32, "num_frames": FRAMES, "num_inference_steps": 4}
    wanted = pipe(**asked, latents=noise, output_type="latent").frames
    text, negative = adapter.encode([TEXT, ONE])
    built = scheduler_for("flow-euler-even", adapter.scheduler_config)
    text = text.expand(LATENT_FRAMES, -1, -1)
    got = denoised(adapter, text, negative, noise, built, steps=4, guidance=4.0, guidance_batch="two")
    assert (got - wanted).abs().max() < 1e-5
    built = scheduler_for("flow-euler-even", adapter.scheduler_config)
    together = denoised(adapter, text, negative, noise, built, steps=4, guidance=4.0)
    assert (got - together).abs().max() < 1e-4
    pictures = pipe(**asked, latents=noise, output_type="np").frames[0]
    check_frames(adapter.decode(got), pictures)


@pytest.mark.parametrize("tiling", [False, True])
@pytest.mark.parametrize("count", [1, 4])
def test_frames_are_decoded_one_latent_frame_at_a_time_as_the_whole_clip_is(tiling, count):
    torch.manual_seed(1)
    options: dict[str, Any] = {**VAE, "block_out_channels": (8, 8, 8, 8, 16)}
    vae: Any = AutoencoderKLHunyuanVideo15(**options).eval()
    if tiling:
        vae.enable_tiling(64, 64, 4, 4, 0.25)
    x = torch.randn(1, 4, count, 5, 6)
    with torch.no_grad():
        whole = vae.decode(x / vae.config["scaling_factor"], return_dict=False)[0][0]
    check_decoded(decode_causally(vae, x, Placement((vae,), "cpu", "none"), tiling=tiling), whole)
