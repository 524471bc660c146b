"""The default precision of one thread, and networks without initial values."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.models.unets.unet_motion_model import MotionAdapter, UNetMotionModel
from torch import Tensor, nn

from tests.weights.test_components import assert_same
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.construction import DefaultPrecision, unfilled

EXPRESSIONS: dict[str, Callable[[], Tensor]] = {
    "empty": lambda: torch.empty(3).fill_(1 / 3),
    "ones": lambda: torch.ones(2, 3) / 3,
    "linspace": lambda: torch.linspace(0, 1, 7),
    "a scalar": lambda: torch.tensor(1 / 3),
    "a list": lambda: torch.tensor([1, 1 / 3]),
    "whole numbers": lambda: torch.tensor([1, 2]),
    "full": lambda: torch.full((2,), 1 / 3),
    "full of whole numbers": lambda: torch.full((2,), 3),
    "arange": lambda: torch.arange(0, 1, 1 / 3),
    "arange of whole numbers": lambda: torch.arange(3),
    "a quotient": lambda: torch.arange(1000) / 3,
    "a product": lambda: torch.arange(1000) * 0.1,
    "a power": lambda: 10000.0 ** torch.arange(4),
    "a sine": lambda: torch.arange(300).sin(),
    "said": lambda: torch.arange(5, dtype=torch.float32) / 3,
    "converted": lambda: torch.arange(5).float() / 3,
    "double": lambda: torch.arange(5).double() / 3,
    "of another tensor": lambda: torch.tensor([1 / 3], dtype=torch.float64) * torch.arange(3),
    "frequencies": lambda: 1.0 / (10000.0 ** (torch.arange(0, 8, 2, dtype=torch.int64).to(dtype=torch.float) / 8)),
}


@pytest.fixture
def process_default():
    """`torch.set_default_dtype`, undone afterwards."""
    before = torch.get_default_dtype()
    yield torch.set_default_dtype
    torch.set_default_dtype(before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_threads_default_precision_does_what_the_processs_does(process_default, name, dtype):
    process_default(dtype)
    wanted = EXPRESSIONS[name]()
    process_default(torch.float32)
    with DefaultPrecision(dtype):
        found = EXPRESSIONS[name]()
    assert found.dtype is wanted.dtype
    assert torch.equal(found, wanted)


def test_a_network_without_initial_values_has_its_buffers_and_its_precision():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)
            self.table = nn.Parameter(torch.randn(2, 2) / 2)
            self.register_buffer("scales", torch.linspace(0, 1, 5), persistent=False)

    before = torch.get_rng_state()
    with unfilled(torch.bfloat16):
        net = Net()
    assert {tensor.dtype for tensor in (*net.parameters(), *net.buffers())} == {torch.bfloat16}
    assert {tensor.device.type for tensor in (*net.parameters(), *net.buffers())} == {"cpu"}
    assert torch.equal(net.get_buffer("scales"), torch.linspace(0, 1, 5, dtype=torch.bfloat16))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_an_image_network_with_motion_put_into_it_has_no_weight_left_unfilled(pipeline, dtype):
    image = load_component(UNet2DConditionModel, pipeline, "UNet2DConditionModel", dtype)
    motion = load_component(MotionAdapter, pipeline, "MotionAdapter", dtype)
    wanted = UNetMotionModel.from_unet2d(image, motion)
    with unfilled(dtype):
        found = UNetMotionModel.from_unet2d(image, motion)
    assert_same(found, wanted)
