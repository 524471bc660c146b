"""What is foreseen without weights is what a real call takes."""

from __future__ import annotations

import dataclasses
import gc
import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vstar_sdk.miniworld.parts import miniworld
from vstar_sdk.models.diffusers.measuring import LiveBytes, cost_of, weight_bytes
from vstar_sdk.models.estimates import Estimate, EstimatedSource, Role, Workload
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.unet3d.source import UNet3DSource


def workload(**changes):
    return Workload(**{"frames": 16, "width": 64, "height": 64, "branches": 2, "dtype": "float32", **changes})


@pytest.fixture(scope="module")
def world():
    source = miniworld(FramewiseOptions())
    return source.estimate(workload()), source.load("cpu", "float32")


def test_a_step_takes_the_memory_and_the_operations_that_were_foreseen(world):
    estimate, adapter = world
    with torch.no_grad(), LiveBytes() as memory, FlopCounterMode(display=False) as products:
        latents = torch.zeros(2, *adapter.latent_shape(16, 64, 64)[1:])
        adapter.denoise(latents, torch.tensor(500), torch.zeros(2, 16, 24, 64))
    assert 0.9 < memory.peak / estimate.call_bytes < 1.1
    # PyTorch's counter does not know the attention of a CPU, which is a small part.
    assert 0.85 < products.get_total_flops() / estimate.call_flops <= 1.0


def test_so_does_decoding(world):
    estimate, adapter = world
    latents = torch.zeros(adapter.latent_shape(16, 64, 64))
    with LiveBytes() as memory, FlopCounterMode(display=False) as products:
        for _ in adapter.decode(latents):
            pass
    assert 0.9 < memory.peak / estimate.decode_bytes < 1.3
    assert 0.95 < products.get_total_flops() / estimate.decode_flops <= 1.0


def test_weights_are_those_of_the_loaded_model(world):
    estimate, adapter = world
    loaded = {"text encoder": adapter.networks.text.encoder, "denoiser": adapter.denoiser, "decoder": adapter.networks.vae}
    assert estimate.weights == {role: weight_bytes(module) for role, module in loaded.items()}


def test_layers_that_are_left_out_are_not_counted(world, tmp_path):
    estimate, _ = world
    source = miniworld(FramewiseOptions())
    (tmp_path / "without-weights").symlink_to(source.directory)
    for component in ("unet", "vae", "text_encoder"):
        (tmp_path / component).mkdir()
        (tmp_path / component / "config.json").write_bytes((source.directory / component / "config.json").read_bytes())
    assert dataclasses.replace(source, directory=tmp_path).estimate(workload()).call_flops > 1.2 * estimate.call_flops


def test_half_precision_halves_it_and_one_branch_too(world):
    estimate, _ = world
    source = miniworld(FramewiseOptions())
    half = source.estimate(workload(dtype="bfloat16"))
    assert half.weights["denoiser"] * 2 == estimate.weights["denoiser"]
    assert 0.45 < half.call_bytes / estimate.call_bytes < 0.55
    one = source.estimate(workload(branches=1))
    assert 0.45 < one.call_bytes / estimate.call_bytes < 0.6
    assert one.call_flops * 2 == pytest.approx(estimate.call_flops, rel=0.01)


def test_the_papers_model_is_foreseen_from_its_configuration_alone(tmp_path):
    """Its weights are 1.41 billion numbers; nothing of that size is made."""
    configurations = {
        "unet": {
            "down_block_types": ["CrossAttnDownBlock3D"] * 3 + ["DownBlock3D"],
            "up_block_types": ["UpBlock3D"] + ["CrossAttnUpBlock3D"] * 3,
            "block_out_channels": [320, 640, 1280, 1280],
            "layers_per_block": 2,
            "cross_attention_dim": 1024,
            "attention_head_dim": 64,
        },
        "vae": {
            "block_out_channels": [128, 256, 512, 512],
            "down_block_types": ["DownEncoderBlock2D"] * 4,
            "up_block_types": ["UpDecoderBlock2D"] * 4,
            "layers_per_block": 2,
            "latent_channels": 4,
        },
        "text_encoder": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16},
    }
    for component, config in configurations.items():
        (tmp_path / component).mkdir()
        (tmp_path / component / "config.json").write_text(json.dumps(config))
    source = UNet3DSource(directory=tmp_path, name="m", frames=16, fps=8.0, steps=25, guidance=12.0, size=(512, 320))
    estimate = source.estimate(workload(frames=64, width=512, height=320, dtype="bfloat16"))
    assert estimate.weights["denoiser"] == pytest.approx(2 * 1.41e9, rel=0.01)
    assert 80e12 < estimate.call_flops < 120e12
    assert 5e9 < estimate.call_bytes < 9e9


def test_attention_is_counted_as_a_fused_kernel_does_it():
    def attend():
        x = torch.empty(1, 2, 4096, 8, device="meta")
        return torch.nn.functional.scaled_dot_product_attention(x, x, value=x)

    cost = cost_of(attend)
    assert cost.peak_bytes == 2 * (2 * 4096 * 8 * 4)
    assert cost.flops == 2 * 2 * 2 * 4096 * 4096 * 8


def test_bytes_are_counted_once_however_many_views_there_are_and_no_longer_than_they_live():
    with LiveBytes() as memory:
        x = torch.zeros(100)
        views = [x[:50], x.view(10, 10), x.add_(1)]
        assert memory.live == 400
        y = x * 2
        assert memory.live == memory.peak == 800
        del y
        assert memory.live == 400
        del x, views
        gc.collect()
    assert (memory.live, memory.peak) == (0, 800)


def test_the_peak_depends_on_what_waits_elsewhere():
    weights: dict[Role, int] = {"text encoder": 100, "denoiser": 1000, "decoder": 50}
    estimate = Estimate(weights=weights, call_flops=1, call_bytes=20, decode_flops=1, decode_bytes=700)
    assert {way: estimate.peak(way) for way in ("none", "model", "group")} == {"none": 1850, "model": 1020, "group": 700}
    assert estimate.peak("model", attention_bytes=5) == 1025
    assert isinstance(miniworld(FramewiseOptions()), EstimatedSource)
