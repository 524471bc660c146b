"""Mochi, loaded: against diffusers' pipeline, its schedule and its direction, decoding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_mochi import AutoencoderKLMochi
from diffusers.pipelines.mochi.pipeline_mochi import MochiPipeline, linear_quadratic_schedule

from tests.denoised import denoised, scheduler_for
from tests.tiny_mochi import VAE
from tests.transformer_models import ONE, OTHER, Wants, check_decoded, check_frames, latents, one_text, plan
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.mochi.decoding import decode_causally
from vstar_sdk.models.mochi.schedulers import levels
from vstar_sdk.models.mochi.text import packed, unpacked


@pytest.fixture
def pipe(adapter) -> Any:
    """diffusers' own pipeline of the same folder."""
    made: Any = MochiPipeline.from_pretrained(adapter.directory)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.mark.parametrize("negative", [OTHER, ""], ids=["words", "nothing"])
def test_with_one_prompt_it_samples_what_diffusers_pipeline_does(adapter, pipe, negative):
    """The pipeline goes from 0 to 1, and a schedule here from 1 to 0: the timesteps differ by a rounding."""
    noise = latents(adapter)
    asked = {"prompt": ONE, "negative_prompt": negative, "height": 32, "width": 32, "num_frames": 19, "guidance_scale": 4.0}
    wanted = pipe(**asked, num_inference_steps=4, latents=noise, output_type="latent").frames
    text, told = adapter.encode([ONE, negative])
    built = scheduler_for("flow-linear-quadratic", adapter.scheduler_config)
    got = denoised(adapter, text.expand(4, -1, -1), told, noise, built, steps=4, guidance=4.0)
    assert (got - wanted).abs().max() < 1e-4
    pictures = pipe(**asked, num_inference_steps=4, latents=noise, output_type="np").frames[0]
    check_frames(adapter.decode(wanted), pictures)


def test_text_and_mask_are_what_the_pipeline_reads(adapter, pipe):
    for prompt in (ONE, ""):
        read, mask = unpacked(adapter.encode([prompt]))
        with torch.no_grad():
            wanted, there, *_ = pipe.encode_prompt(prompt, do_classifier_free_guidance=False)
        assert torch.equal(read, wanted)
        assert torch.equal(mask, there)
    assert mask.sum() == 0
    text, there = torch.randn(2, 5, 3), torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]])
    back = unpacked(packed(text, there))
    assert torch.equal(back[0], text)
    assert torch.equal(back[1], there.bool())


@pytest.mark.parametrize("steps", [2, 3, 8, 64])
def test_the_noise_levels_are_the_pipelines(steps):
    assert levels(steps) == pytest.approx(linear_quadratic_schedule(steps, 0.025), abs=1e-12)


def test_one_step_is_refused():
    with pytest.raises(ValueError, match="a first half and a second one"):
        levels(1)


def test_what_the_text_attends_to_is_the_models_own(adapter):
    """The text's part of the first block's attention, under a strong bias; and of the video's not."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    hook = adapter.denoiser.transformer_blocks[0].attn1.register_forward_hook(lambda module, args, out: seen.append(out))
    text, x, timestep = one_text(adapter), latents(adapter), torch.tensor(700.0)
    strong = Wants(Bias(lambda d: (-d.square() / 2).exp(), stat="spread", strength=9.0))
    try:
        adapter.denoise(x, timestep, text)
        with nurse(adapter.denoiser, plan(adapter, strong), adapter.family) as nursing:
            nursing.at(0, 4)
            adapter.denoise(x, timestep, text)
    finally:
        hook.remove()
    plain, nursed = seen
    assert (nursed[1] - plain[1]).abs().max() < 1e-6
    assert (nursed[0] - plain[0]).abs().max() > 1e-3


@pytest.mark.parametrize(("count", "tiling"), [(1, False), (3, True), (3, False)])
def test_frames_are_decoded_one_latent_frame_at_a_time_as_the_whole_clip_is(count, tiling):
    torch.manual_seed(1)
    vae: Any = AutoencoderKLMochi(**VAE, latents_mean=(0.1,) * 12, latents_std=(2.0,) * 12).eval()
    if tiling:
        vae.enable_tiling(32, 32, 24, 24)
    x = torch.randn(1, 12, count, 5, 6)
    with torch.no_grad():
        whole = vae.decode(x * 2.0 + 0.1, return_dict=False)[0][0]
    check_decoded(decode_causally(vae, x, Placement((vae,), "cpu", "none"), tiling=tiling), whole)
