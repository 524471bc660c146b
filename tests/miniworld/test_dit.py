"""The joint sibling of the embedded model: its network, its facts, its texts, its files."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from pydantic import ValidationError
from torch.utils.flop_counter import FlopCounterMode

from tests.miniworld.conftest import write_dit
from training.transformer import FrameText, begun_transformer, new_transformer
from vstar_sdk.clock import EVERY_FRAME
from vstar_sdk.errors import ModelError
from vstar_sdk.miniworld.joint import parts
from vstar_sdk.miniworld.joint.source import MiniworldDitOptions, MiniworldDitSource
from vstar_sdk.miniworld.parts import WEIGHTS as BASE
from vstar_sdk.models.diffusers.measuring import LiveBytes, weight_bytes
from vstar_sdk.models.estimates import Workload

CAPTIONS = ("a calm volcano under a blue sky", "an erupting volcano")


def noise(frames: int, seed: int = 0, videos: int = 1) -> torch.Tensor:
    return torch.randn(videos, 16, frames, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("marker", [True, False])
def test_the_network_is_wans_with_a_mark_on_the_first_frame(marker):
    torch.manual_seed(0)
    ours = new_transformer(small=True, marker=marker).eval()
    torch.nn.init.normal_(ours.proj_out.weight)
    theirs: Any = WanTransformer3DModel(**dict(ours.config)).eval()
    theirs.load_state_dict(ours.state_dict())
    for block in theirs.blocks:
        block.attn2.set_processor(FrameText())
    latents, text = noise(3), torch.randn(3, 24, 64)
    channel = torch.tensor([1.0, 0, 0]).view(1, 1, 3, 1, 1).expand(1, 1, 3, 8, 8)
    with torch.no_grad():
        expected = theirs(torch.cat([latents, channel], 1) if marker else latents, torch.tensor([400]), text).sample
        assert torch.equal(ours(latents, torch.tensor([400]), text).sample, expected)
    assert expected.shape == latents.shape


@pytest.mark.parametrize(("before", "after"), [(True, True), (True, False), (False, True)])
def test_a_training_goes_on_with_and_without_the_mark(tmp_path, before, after):
    """A mark that is no longer given is 0; one that is new changes nothing yet."""
    write_dit(tmp_path, marker=before)
    found = begun_transformer(tmp_path, marker=after).eval()
    theirs: Any = WanTransformer3DModel.from_pretrained(tmp_path / "transformer", torch_dtype=torch.float32).eval()
    for block in theirs.blocks:
        block.attn2.set_processor(FrameText())
    latents, text = noise(3), torch.randn(3, 24, 64)
    mark = torch.tensor([1.0 * after, 0, 0]).view(1, 1, 3, 1, 1).expand(1, 1, 3, 8, 8)
    with torch.no_grad():
        expected = theirs(torch.cat([latents, mark], 1) if before else latents, torch.tensor([400]), text).sample
        assert torch.allclose(found(latents, torch.tensor([400]), text).sample, expected, atol=1e-6)
    assert found.config.in_channels == 16 + after


def test_a_model_without_the_mark_loads_too(tmp_path):
    write_dit(tmp_path, marker=False)
    model = MiniworldDitSource(directory=tmp_path, base=BASE).load("cpu", "float32")
    assert model.denoise(noise(2), torch.tensor(500), torch.zeros(1, 2, 24, 64)).shape == (1, 16, 2, 8, 8)


def test_every_frame_reads_its_own_text(dit):
    """The oracle reads the texts in the attention itself, as the training does."""
    told = dit.encode(CAPTIONS)
    text = torch.lerp(told[:1], told[1:], torch.linspace(0, 1, 5).view(-1, 1, 1))
    oracle = new_transformer(small=True).eval()
    oracle.load_state_dict(dit.denoiser.state_dict())
    with torch.no_grad():
        expected = oracle(noise(5), torch.tensor([700]), text).sample
    found = dit.denoise(noise(5), torch.tensor(700), text[None])
    assert torch.allclose(found, expected, atol=1e-5)
    other = dit.denoise(noise(5), torch.tensor(700), text.flip(0)[None])
    assert (other - found).abs().max() > 1e-3


@pytest.mark.parametrize("frames", [1, 16, 130])
def test_it_makes_clips_of_any_length_without_compressing_time(dit, frames):
    assert dit.facts.rhythm == EVERY_FRAME
    dit.facts.check(frames, 64, 64)
    assert dit.latent_shape(frames, 64, 64) == (1, 16, frames, 8, 8)
    text = dit.encode(CAPTIONS[:1])[:, None].expand(-1, frames, -1, -1)
    assert dit.denoise(noise(frames), torch.tensor(500), text).shape == (1, 16, frames, 8, 8)
    assert [frame.shape for frame in dit.decode(noise(frames)[:, :, :2])] == [(64, 64, 3)] * min(frames, 2)


def test_its_sites_are_those_of_the_network(dit):
    found = {name for name, module in dit.denoiser.named_modules() if name.endswith("attn1") and hasattr(module, "processor")}
    assert {site.name for site in dit.facts.sites} == found == {"blocks.0.attn1", "blocks.1.attn1"}
    assert {site.name for site in dit.facts.text_sites} == {"blocks.0.attn2", "blocks.1.attn2"}
    assert dit.facts.joint
    periods = [2 * torch.pi / frequency for frequency in dit.facts.sites[0].rotary.frequencies]
    assert periods[1] == pytest.approx(29.2, abs=0.05)


def test_what_it_takes_is_foreseen(dit, dit_dir):
    source = MiniworldDitSource(directory=dit_dir, base=BASE)
    estimate = source.estimate(Workload(frames=16, width=64, height=64, branches=2, dtype="float32"))
    loaded = {"text encoder": dit.networks.text.encoder, "denoiser": dit.denoiser, "decoder": dit.networks.vae}
    assert estimate.weights == {role: weight_bytes(module) for role, module in loaded.items()}
    text = torch.zeros(2, 16, 24, 64)
    with torch.no_grad(), LiveBytes() as memory, FlopCounterMode(display=False) as products:
        dit.denoise(noise(16, videos=2), torch.tensor(500), text)
    assert 0.8 < memory.peak / estimate.call_bytes < 1.2
    videos, blocks, channels, tokens, words = 2, 2, 64, 16 * 16, 24
    attention = 4 * videos * blocks * channels * tokens * (tokens + words)  # which the counter does not see on a CPU
    assert products.get_total_flops() + attention == pytest.approx(estimate.call_flops, rel=0.01)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_nearly_the_same(dit, dit_dir, dtype):
    half = MiniworldDitSource(directory=dit_dir, base=BASE).load("cpu", dtype)
    found, expected = (
        model.denoise(noise(4), torch.tensor(500), model.encode(CAPTIONS[:1])[:, None].expand(-1, 4, -1, -1))
        for model in (half, dit)
    )
    assert half.denoiser.dtype == getattr(torch, dtype)
    assert (found - expected).abs().max() < 0.1 * expected.std()


def test_its_files_are_the_denoiser_and_what_it_shares_with_miniworld(dit):
    assert set(dit.weights()) == {
        "transformer/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    }


def test_another_miniworld_than_it_was_trained_with_is_refused(dit_dir, tmp_path):
    copy = shutil.copytree(dit_dir, tmp_path / "dit")
    hashes = json.loads((copy / "base.json").read_text())
    (copy / "base.json").write_text(json.dumps(hashes | {"text_encoder/model.safetensors": "0" * 64}))
    with pytest.raises(ModelError, match="was trained with another version of this file") as refused:
        MiniworldDitSource(directory=copy, base=BASE).load("cpu", "float32")
    assert "text_encoder" in str(refused.value)


@pytest.mark.parametrize(("file", "message"), [("transformer/config.json", "is missing"), ("base.json", "is missing")])
def test_a_file_that_is_missing_is_named(dit_dir, tmp_path, file, message):
    copy = shutil.copytree(dit_dir, tmp_path / "dit")
    (copy / file).unlink()
    with pytest.raises(ModelError, match=f"{file} {message}"):
        MiniworldDitSource(directory=copy, base=BASE).load("cpu", "float32")


def test_another_network_is_refused(dit_dir, tmp_path):
    copy = shutil.copytree(dit_dir, tmp_path / "dit")
    config = json.loads((copy / "transformer/config.json").read_text())
    (copy / "transformer/config.json").write_text(json.dumps(config | {"_class_name": "MochiTransformer3DModel"}))
    with pytest.raises(ModelError, match="its transformer is a MochiTransformer3DModel"):
        MiniworldDitSource(directory=copy, base=BASE).facts()


@pytest.mark.parametrize("option", ["compile", "tiling"])
def test_options_that_do_nothing_here_are_refused(option):
    with pytest.raises(ValidationError, match="miniworld-dit"):
        MiniworldDitOptions.model_validate({option: True})


@pytest.mark.parametrize("there", [True, False])
def test_it_is_offered_when_its_weights_are_in_the_package(dit_dir, tmp_path, monkeypatch, there):
    monkeypatch.setattr(parts, "WEIGHTS", dit_dir if there else tmp_path / "none")
    offered: list[str] = []

    def register(name, **about):
        del about
        offered.append(name)

    parts.register_models(register)
    parts.register_synopses(register)
    assert offered == ["miniworld-dit"] * 2 * there
