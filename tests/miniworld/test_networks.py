"""The embedded model's own networks give what those of diffusers and transformers give, bit for bit."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import CLIPTokenizer

from vstar_sdk.errors import ModelError
from vstar_sdk.miniworld.networks.unet import UNet
from vstar_sdk.miniworld.parts import WEIGHTS, miniworld
from vstar_sdk.models.estimates import Workload
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.unet3d.source import UNet3DSource

PROMPTS = [
    "",
    "a landscape in winter, white snow covers the hills",
    "A  Volcano; ÄÖ ñ 😀 tab\there, e\u0301",
    "it's <|endoftext|> 3.14 __x__",
    "the quick brown fox, " * 9,
]


@pytest.fixture(scope="module")
def ours():
    return miniworld(FramewiseOptions()).load("cpu", "float32")


@pytest.fixture(scope="module")
def theirs():
    source = miniworld(FramewiseOptions())
    return UNet3DSource.load(source, "cpu", "float32")


def test_the_denoiser(ours, theirs):
    generator = torch.Generator().manual_seed(0)
    latents, text = torch.randn(2, 16, 5, 8, 8, generator=generator), torch.randn(2, 5, 24, 64, generator=generator)
    found = ours.denoise(latents, torch.tensor(400), text)
    assert torch.equal(found, theirs.denoise(latents, torch.tensor(400), text))
    assert found.shape == latents.shape


def test_the_decoder_and_the_encoder(ours, theirs):
    latents = torch.randn(1, 16, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    frames = list(ours.decode(latents))
    assert all((a == b).all() for a, b in zip(frames, theirs.decode(latents), strict=True))
    assert frames[0].shape == (64, 96, 3)
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    vae: AutoencoderKL = theirs.networks.vae
    with torch.no_grad():
        assert torch.equal(ours.networks.vae.encode(pictures), vae.encode(pictures).latent_dist.mean)  # pyright: ignore


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_text(prompt, ours, theirs):
    assert torch.equal(ours.encode([prompt]), theirs.encode([prompt]))
    assert ours.cut_off(prompt) == theirs.cut_off(prompt)


def test_what_is_cut_off_is_told(ours):
    assert ours.cut_off(PROMPTS[-1]).endswith("the quick brown fox ,")
    assert isinstance(CLIPTokenizer.from_pretrained(WEIGHTS / "tokenizer"), CLIPTokenizer)


def test_the_weights_have_the_names_of_diffusers(ours, theirs):
    for name in ("denoiser", "vae"):
        mine, stock = (getattr(adapter.networks, name).state_dict() for adapter in (ours, theirs))
        assert mine.keys() == stock.keys()
        assert all(torch.equal(mine[key], stock[key]) for key in mine)


def test_tiles_are_those_of_diffusers():
    tiled = miniworld(FramewiseOptions(tiling=True)).load("cpu", "float32")
    assert isinstance(tiled.networks.vae, AutoencoderKL)


def test_a_network_of_another_kind_is_refused(ours):
    with pytest.raises(ModelError, match="cannot be built with blocks of type CrossAttnDownBlock3D, DownBlock3D"):
        UNet({**ours.denoiser.config, "down_block_types": ["CrossAttnDownBlock3D", "DownBlock3D"], "up_block_types": []})


def test_damaged_weights_are_named(tmp_path):
    source = miniworld(FramewiseOptions())
    for file in source.directory.rglob("*.*"):
        target = tmp_path / file.relative_to(source.directory)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes()[: 1000 if file.parent.name == "vae" and file.suffix == ".safetensors" else None])
    damaged = type(source)(**{**vars(source), "directory": tmp_path})
    with pytest.raises(ModelError, match=r"vae.diffusion_pytorch_model.safetensors: cannot be loaded"):
        damaged.load("cpu", "float32")


def test_a_run_imports_neither_diffusers_nor_transformers(tmp_path):
    code = (
        "import sys, vstar_sdk\n"
        "vstar_sdk.run({'prompt': 'a volcano wakes up', 'frames': 4, 'sampling': {'steps': 1}}, out=sys.argv[1])\n"
        "print({'diffusers', 'transformers', 'torch._dynamo', 'peft', 'accelerate'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_they_are_estimated_as_those_of_diffusers_are():
    source, workload = miniworld(FramewiseOptions()), Workload(frames=16, width=64, height=64, branches=2, dtype="float32")
    mine, stock = source.estimate(workload), UNet3DSource._count(source, workload)  # pyright: ignore[reportPrivateUsage]
    assert (mine.weights, mine.call_flops, mine.decode_flops) == (stock.weights, stock.call_flops, stock.decode_flops)
    assert mine.call_bytes <= stock.call_bytes
    assert mine.decode_bytes == stock.decode_bytes
