"""CogVideoX 2B and 5B, loaded: against diffusers' pipeline, schedulers, decoding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
from diffusers.pipelines.cogvideo.pipeline_cogvideox import CogVideoXPipeline
from diffusers.schedulers.scheduling_ddim_cogvideox import CogVideoXDDIMScheduler
from diffusers.schedulers.scheduling_dpm_cogvideox import CogVideoXDPMScheduler

from tests.denoised import denoised, scheduler_for
from tests.tiny_cogvideox import VAE
from tests.transformer_models import FRAMES, ONE, OTHER, check_decoded, check_frames, latents
from vstar_sdk.errors import SpecError
from vstar_sdk.models.cogvideox.decoding import decode_causally
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.sampling.noise import step_noise
from vstar_sdk.sampling.state import SamplerState

LATENT_FRAMES = 5


@pytest.mark.parametrize("adapter", ["cogvideox_2b", "cogvideox_5b"], indirect=True)
@pytest.mark.parametrize("scheduler", ["cogvideox-ddim", "cogvideox-dpm"])
def test_with_one_prompt_it_samples_what_diffusers_pipeline_does(adapter, scheduler):
    stock = {"cogvideox-ddim": CogVideoXDDIMScheduler, "cogvideox-dpm": CogVideoXDPMScheduler}[scheduler]
    pipe: Any = CogVideoXPipeline(
        tokenizer=adapter.tokenizer,
        text_encoder=adapter.text_encoder,
        vae=adapter.vae,
        transformer=adapter.denoiser,
        scheduler=stock.from_config(adapter.scheduler_config),
    )
    pipe.set_progress_bar_config(disable=True)
    noise = latents(adapter)
    asked = {"prompt": ONE, "negative_prompt": OTHER, "height": 32, "width": 32, "num_frames": FRAMES, "guidance_scale": 4.0}
    asked |= {"num_inference_steps": 4, "latents": noise.transpose(1, 2)}
    wanted = pipe(**asked, generator=torch.Generator().manual_seed(7), output_type="latent").frames.transpose(1, 2)
    text, negative = adapter.encode([ONE, OTHER])
    text, built = text.expand(LATENT_FRAMES, -1, -1), scheduler_for(scheduler, adapter.scheduler_config)
    if scheduler == "cogvideox-dpm":  # its noise is drawn in the order of the latents' own dimensions
        generator, noises = torch.Generator().manual_seed(7), []
        for _ in range(8):
            noises.append(torch.randn(1, LATENT_FRAMES, 4, 4, 4, generator=generator).transpose(1, 2))
        with pytest.MonkeyPatch.context() as patch:
            where = "diffusers.schedulers.scheduling_dpm_cogvideox.randn_tensor"
            patch.setattr(where, lambda shape, **how: noises.pop(0))
            got = denoised(adapter, text, negative, noise, built, steps=4, guidance=4.0)
    else:
        got = denoised(adapter, text, negative, noise, built, steps=4, guidance=4.0)
    assert (got - wanted).abs().max() < 1e-5
    pictures = pipe(**asked, generator=torch.Generator().manual_seed(7), output_type="np").frames[0]
    check_frames(adapter.decode(got), pictures)


@pytest.mark.parametrize("guidance_batch", ["one", "two"])
def test_one_batch_or_two_is_the_same_but_for_rounding(adapter, guidance_batch):
    text, negative = adapter.encode([ONE, OTHER])
    built = scheduler_for("cogvideox-ddim", adapter.scheduler_config)
    text = text.expand(LATENT_FRAMES, -1, -1)
    got = denoised(adapter, text, negative, latents(adapter), built, steps=2, guidance=4.0, guidance_batch=guidance_batch)
    built = scheduler_for("cogvideox-ddim", adapter.scheduler_config)
    wanted = denoised(adapter, text, negative, latents(adapter), built, steps=2, guidance=4.0)
    assert (got - wanted).abs().max() < 1e-5


def test_dpm_goes_on_where_it_was_stopped(adapter):
    text, negative = adapter.encode([ONE, OTHER])
    given = (adapter, text.expand(LATENT_FRAMES, -1, -1), negative, latents(adapter))

    def scheduler() -> Any:
        return scheduler_for("cogvideox-dpm", adapter.scheduler_config)

    whole = denoised(*given, scheduler(), steps=4, guidance=1.0, generator=step_noise(3))
    stopped, generator = scheduler(), step_noise(3)
    half = denoised(*given, stopped, steps=4, guidance=1.0, generator=generator, until=2)
    state = SamplerState.of(2, half, stopped, generator)
    assert torch.equal(denoised(*given, scheduler(), steps=4, guidance=1.0, generator=step_noise(3), state=state), whole)


@pytest.mark.parametrize(("adapter", "able"), [("cogvideox_2b", False), ("cogvideox_5b", True)], indirect=["adapter"])
def test_a_scheduler_without_the_shift_of_the_2b_is_refused(adapter, able):
    config = adapter.scheduler_config
    if able:
        scheduler_for("ddim", config)
        return
    with pytest.raises(SpecError, match=r"'ddim' has no snr_shift_scale, but this model was trained with 3\.0") as refused:
        scheduler_for("ddim", config)
    assert refused.value.hint == "use one of cogvideox-ddim, cogvideox-dpm"


@pytest.mark.parametrize(("count", "tiling"), [(1, False), (5, True), pytest.param(4, True, marks=pytest.mark.slow), (4, False)])
def test_frames_are_decoded_a_few_at_a_time_as_the_whole_clip_is(tiling, count):
    torch.manual_seed(1)
    vae: Any = AutoencoderKLCogVideoX(**VAE).eval()
    if tiling:
        vae.enable_tiling(32, 32, 1 / 4, 1 / 4)
    x = torch.randn(1, 4, count, 6, 7)
    with torch.no_grad():
        whole = vae.decode(x / vae.config["scaling_factor"], return_dict=False)[0][0]
    check_decoded(decode_causally(vae, x, Placement((vae,), "cpu", "none"), tiling=tiling), whole)
