"""The decoders of LTX and LTX-2, a latent frame at a time: the whole clip's frames, in memory that does not grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_ltx import AutoencoderKLLTXVideo
from diffusers.models.autoencoders.autoencoder_kl_ltx2 import AutoencoderKLLTX2Video

from tests.tiny_ltx import DENOISING_VAE, VAE
from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.streamed_decoding import decode_streamed, stream

SECOND: dict[str, Any] = {
    "latent_channels": 4,
    "block_out_channels": (4, 4, 8, 8),
    "layers_per_block": (1,) * 5,
    "decoder_block_out_channels": (16, 32, 64),
    "decoder_layers_per_block": (1,) * 4,
    "spatial_compression_ratio": 32,
    "temporal_compression_ratio": 8,
}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ltx 0.9": (AutoencoderKLLTXVideo, VAE),
    "ltx 0.9, other widths": (AutoencoderKLLTXVideo, VAE | {"decoder_block_out_channels": (4, 4, 8, 8)}),
    "ltx 0.9, causal": (AutoencoderKLLTXVideo, VAE | {"decoder_causal": True}),
    "ltx 0.9.5": (AutoencoderKLLTXVideo, DENOISING_VAE),
    "ltx 2": (AutoencoderKLLTX2Video, SECOND),
    "ltx 2, both ways": (
        AutoencoderKLLTX2Video,
        SECOND | {"decoder_causal": False, "upsample_type": ("spatiotemporal", "temporal", "spatial")},
    ),
}


def made(name: str) -> Any:
    kind, config = KINDS[name]
    torch.manual_seed(1)
    vae = kind(**config).eval()
    for key, weights in vae.named_parameters():
        if "per_channel_scale" in key:  # nothing, before a training
            torch.nn.init.normal_(weights)
    return vae


def told(vae: Any) -> float | None:
    return 0.05 if vae.config["timestep_conditioning"] else None


@pytest.mark.parametrize("frames", [1, 6])
@pytest.mark.parametrize("name", KINDS)
@torch.no_grad()
def test_streamed_frames_are_those_of_the_whole_clip(name, frames):
    vae = made(name)
    latents = torch.randn(1, 4, frames, 2, 2)
    timestep = told(vae)
    torch.manual_seed(0)
    whole = vae.decode(latents, None if timestep is None else torch.tensor([timestep]), return_dict=False)[0]
    parts = list(stream(vae, latents.split(1, dim=2), timestep, torch.Generator().manual_seed(0)))
    assert max(part.shape[2] for part in parts) <= 8
    torch.testing.assert_close(torch.cat(parts, dim=2), whole, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", ["ltx 0.9", "ltx 2"])
@torch.no_grad()
def test_tiles_are_blended_as_diffusers_does(name):
    vae = made(name)
    vae.enable_tiling(96, 96, tile_sample_stride_height=64, tile_sample_stride_width=64)
    latents = torch.randn(1, 4, 3, 6, 4)
    whole = vae.decode(latents, return_dict=False)[0][0]
    got = np.stack(list(decode_streamed(vae, latents, Placement((vae,), "cpu", "none"), tiling=True)))
    wanted = whole.div(2).add(0.5).clamp(0, 1).mul(255).round().permute(1, 2, 3, 0).to(torch.uint8).numpy()
    assert got.shape == wanted.shape
    assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1


@pytest.mark.parametrize("name", ["ltx 0.9", pytest.param("ltx 0.9.5", marks=pytest.mark.slow), "ltx 2"])
def test_memory_does_not_grow_with_the_clip(name):
    vae = made(name)
    peaks: list[int] = []
    for frames in (10, 15):
        latents = torch.randn(1, 4, frames, 2, 2)
        with LiveBytes() as memory:
            decoded = decode_streamed(vae, latents, Placement((vae,), "cpu", "none"), timestep=told(vae))
            assert sum(1 for _ in decoded) == 8 * frames - 7
        peaks.append(memory.peak)
    assert peaks[1] < 1.02 * peaks[0]


def test_a_decoder_that_takes_away_noise_needs_a_timestep():
    vae = made("ltx 0.9.5")
    with pytest.raises(ValueError, match="it needs a timestep"):
        next(stream(vae, torch.randn(1, 4, 1, 1, 1).split(1, dim=2)))
