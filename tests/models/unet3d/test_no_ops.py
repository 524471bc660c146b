"""Layers that add nothing are left out, and nothing changes by it."""

from __future__ import annotations

import torch
from diffusers.models.resnet import TemporalConvLayer
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel

from vstar_sdk.miniworld.parts import WEIGHTS, miniworld
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.unet3d.no_ops import skip_no_ops


def test_the_embedded_models_output_is_the_same_bit_for_bit():
    unet = UNet3DConditionModel.from_pretrained(WEIGHTS / "unet", dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(0)
    x, text = torch.randn(1, 16, 6, 8, 8, generator=generator), torch.randn(1, 24, 64, generator=generator)
    with torch.inference_mode():
        expected = unet(x, 400, text).sample
        skipped = skip_no_ops(unet)
        assert torch.equal(unet(x, 400, text).sample, expected)
    assert "transformer_in" in skipped
    assert "down_blocks.0.temp_convs.0" not in skipped


def test_a_loaded_model_leaves_them_out():
    denoiser = miniworld(FramewiseOptions()).load("cpu", "float32").denoiser
    assert denoiser.get_submodule("transformer_in").idle
    assert not denoiser.get_submodule("down_blocks.0.temp_convs.0").idle


def test_a_layer_with_a_single_weight_that_is_not_zero_stays(tiny_pipeline_dir):
    denoiser = UNet3DConditionModel.from_pretrained(tiny_pipeline_dir / "unet")
    untrained = [name for name, module in denoiser.named_modules() if isinstance(module, TemporalConvLayer)]
    with torch.no_grad():
        denoiser.get_parameter(f"{untrained[0]}.conv4.3.bias")[0] = 1e-6
    assert skip_no_ops(denoiser) == untrained[1:]
