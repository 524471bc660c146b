"""Wan 2.1 and 2.2, loaded: against diffusers' pipeline, a text for every latent frame, two experts, decoding."""

from __future__ import annotations

import json
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.pipelines.wan.pipeline_wan import WanPipeline

from tests.denoised import denoised, scheduler_for
from tests.transformer_models import FRAMES, ONE, OTHER, changed, check_decoded, check_frames, latents, load, one_text
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.wan.decoding import decode_causally

LATENT_FRAMES = 5
both = pytest.mark.parametrize("adapter", ["wan_21", "wan_22"], indirect=True)


VAE: dict[str, Any] = {
    "base_dim": 4,
    "z_dim": 4,
    "dim_mult": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "latents_mean": [-0.5, 0.1, 0.0, 0.4],
    "latents_std": [2.0, 1.0, 3.0, 1.5],
}


@both
@pytest.mark.parametrize("scheduler", ["unipc", "flow-euler"])
def test_with_one_prompt_it_samples_what_diffusers_pipeline_does(adapter, scheduler):
    parts: dict[str, Any] = {name: getattr(adapter.denoiser, name) for name in ("transformer", "transformer_2")}
    index = json.loads((adapter.directory / "model_index.json").read_text())
    pipe: Any = WanPipeline(
        tokenizer=adapter.tokenizer,
        text_encoder=adapter.text_encoder,
        vae=adapter.vae,
        scheduler=scheduler_for(scheduler, adapter.scheduler_config),  # pyright: ignore[reportArgumentType]
        boundary_ratio=index["boundary_ratio"],
        **parts,
    )
    pipe.set_progress_bar_config(disable=True)
    noise = latents(adapter)
    asked = {"prompt": ONE, "negative_prompt": OTHER, "height": 32, "width": 32, "num_frames": FRAMES, "guidance_scale": 4.0}
    wanted = pipe(**asked, num_inference_steps=4, latents=noise, output_type="latent").frames
    text, negative = adapter.encode([ONE, OTHER])
    built = scheduler_for(scheduler, adapter.scheduler_config)
    got = denoised(
        adapter, text.expand(LATENT_FRAMES, -1, -1), negative, noise, built, steps=4, guidance=4.0, guidance_batch="two"
    )
    assert (got - wanted).abs().max() < 1e-5
    pictures = pipe(**asked, num_inference_steps=4, latents=noise, output_type="np").frames[0]
    check_frames(adapter.decode(got), pictures)


def test_skyreels_samples_what_its_pipeline_does(opened, monkeypatch):
    module = import_module("diffusers.pipelines.skyreels_v2.pipeline_skyreels_v2")
    monkeypatch.setattr(module, "ftfy", SimpleNamespace(fix_text=lambda text: text), raising=False)  # which it calls untested
    adapter = opened("skyreels_dir")
    pipe: Any = module.SkyReelsV2Pipeline(
        tokenizer=adapter.tokenizer,
        text_encoder=adapter.text_encoder,
        transformer=adapter.denoiser.transformer,
        vae=adapter.vae,
        scheduler=scheduler_for("unipc", adapter.scheduler_config),
    )
    pipe.set_progress_bar_config(disable=True)
    noise = latents(adapter)
    asked = {"prompt": ONE, "negative_prompt": OTHER, "height": 32, "width": 32, "num_frames": FRAMES, "guidance_scale": 4.0}
    wanted = pipe(**asked, num_inference_steps=4, latents=noise, output_type="latent").frames
    text, negative = adapter.encode([ONE, OTHER])
    built, text = scheduler_for("unipc", adapter.scheduler_config), text.expand(LATENT_FRAMES, -1, -1)
    got = denoised(adapter, text, negative, noise, built, steps=4, guidance=4.0, guidance_batch="two")
    assert (got - wanted).abs().max() < 1e-5


@both
def test_equal_texts_for_all_latent_frames_equal_one_text(adapter):
    text = adapter.encode([OTHER, ONE])
    x = latents(adapter).expand(2, -1, -1, -1, -1)
    for timestep in (torch.tensor(900), torch.tensor(100)):
        network = adapter.denoiser.at(timestep)
        with torch.no_grad():
            wanted = network(x, timestep.expand(2), text, return_dict=False)[0]
        got = adapter.denoise(x, timestep, one_text(adapter, OTHER, ONE))
        assert (got - wanted).abs().max() < 1e-5


def test_every_latent_frame_reads_its_own_text(adapter):
    one, other = adapter.encode([ONE, OTHER])
    network = adapter.denoiser.transformer
    seen: list[torch.Tensor] = []
    hook = network.blocks[0].attn2.register_forward_hook(lambda _, args, out: seen.append(out.detach()))
    texts = torch.stack([one] * 3 + [other] * 2)
    try:
        for text in (texts, one.expand_as(texts), other.expand_as(texts)):
            adapter.denoise(latents(adapter), torch.tensor(500), text[None])
    finally:
        hook.remove()
    mixed, only_one, only_other = seen
    assert torch.equal(mixed[:3], only_one[:3])
    assert torch.equal(mixed[3:], only_other[3:])
    assert not torch.allclose(only_one, only_other)


def test_the_experts_change_at_the_boundary(opened):
    experts = opened("wan_22").denoiser
    assert [experts.at(torch.tensor(t)) is experts.transformer for t in (999, 875, 874, 1)] == [True, True, False, False]


def test_timesteps_for_every_token_are_the_same_as_one_for_all(adapter):
    """What ``expand_timesteps`` of Wan 2.2 TI2V comes to without a picture: so the one timestep is passed."""
    network, text = adapter.denoiser.transformer, adapter.encode([ONE])
    x, tokens = latents(adapter), LATENT_FRAMES * 2 * 2
    with torch.no_grad():
        each = network(x, torch.full((1, tokens), 500), text, return_dict=False)[0]
        one = network(x, torch.tensor([500]), text, return_dict=False)[0]
    assert (each - one).abs().max() < 1e-5


@pytest.mark.parametrize("patch", [None, 2])
@pytest.mark.parametrize("tiling", [False, True])
def test_frames_are_decoded_one_latent_frame_at_a_time_as_the_whole_clip_is(patch, tiling):
    torch.manual_seed(1)
    options = VAE | ({"patch_size": 2, "out_channels": 12, "in_channels": 12, "is_residual": True} if patch else {})
    vae: Any = AutoencoderKLWan(**options, scale_factor_spatial=16 if patch else 8).eval()
    if tiling:
        vae.enable_tiling(64, 64, 48, 48)
    x = torch.randn(1, 4, 4, 12, 8 if patch else 12)
    mean, std = (torch.tensor(VAE[key]).view(1, -1, 1, 1, 1) for key in ("latents_mean", "latents_std"))
    with torch.no_grad():
        whole = vae.decode(x * std + mean, return_dict=False)[0][0]
    check_decoded(decode_causally(vae, x, Placement((vae,), "cpu", "none"), tiling=tiling), whole)


def test_a_network_whose_weights_do_not_fit_is_refused(wan_21, tmp_path):
    copied = changed(wan_21, tmp_path / "model", "transformer/config.json", {"num_layers": 3})
    with pytest.raises(ModelError, match="weights do not match"):
        load("wan_21", copied)
