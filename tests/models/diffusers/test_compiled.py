"""``compile: true``: one graph for every way in which the attention runs, however many steps and runs there are."""

from __future__ import annotations

import dataclasses
import shutil
from typing import Any

import pytest
import torch
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from torch import nn
from torch._dynamo.utils import counters
from torch._inductor import config as inductor

from tests.denoised import denoised, scheduler_for
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.diffusers import compiled
from vstar_sdk.models.diffusers.compiled import compile_denoiser, compile_errors
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions
from vstar_sdk.weights.directory import read_config


@pytest.fixture(autouse=True)
def fresh():
    torch.compiler.reset()
    counters.clear()
    yield
    torch.compiler.reset()


CONSTANT = Tar(TarOptions(sigma={0: 1.0, 1: 4.0}, window=(0.0, 0.5)))
COURSE = Tar(TarOptions.model_validate({**CONSTANT.options.model_dump(), "strength": {"from": 1.0, "to": 0.2}}))


class Following:
    """TAR whose strength follows the maps that it watches."""

    def __init__(self, options):
        self.options, self.operations = options, Tar(options).operations

    def watches(self, site):
        return (0.0, 0.5) if self.operations(site) else None

    def begin(self, sites, steps):
        return Following(self.options)

    def observe(self, site, moment, attention):
        self.__dict__[site.name] = float(attention.diagonal().mean())

    def strength(self, site, moment):
        return self.__dict__.get(site.name, 1.0)


def latents(adapter, seed, steps=4, regularizer: Any = CONSTANT):
    """A run with a text for every frame, guidance, and TAR in the first half of the steps."""
    plan = plan_attention(adapter.facts.sites, [regularizer], Clock(8, 8.0))
    text = adapter.encode(["a green landscape", "a red ball"]).repeat(4, 1, 1)
    noise = torch.randn(adapter.latent_shape(8, 16, 16), generator=torch.Generator().manual_seed(seed))
    scheduler = scheduler_for("ddim", adapter.scheduler_config)
    with torch.inference_mode(), adapter.sampling(), nurse(adapter.denoiser, plan, adapter.family) as nursing:
        return denoised(adapter, text, text[3], noise, scheduler, steps=steps, guidance=3.0, nursing=nursing)


@pytest.fixture
def source(tiny_source, tmp_path):
    """The tiny pipeline with fewer layers, for tracing is slow."""
    directory = tmp_path / "pipeline"
    shutil.copytree(tiny_source.directory, directory)
    blocks = {
        "down_block_types": ("CrossAttnDownBlock3D", "DownBlock3D"),
        "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D"),
    }
    unet: Any = UNet3DConditionModel.from_config({**read_config(directory, "unet/config.json"), **blocks})
    unet.save_pretrained(directory / "unet")
    return dataclasses.replace(tiny_source, directory=directory)


@pytest.mark.parametrize(
    "regularizer",
    [
        pytest.param(CONSTANT, id="constant", marks=pytest.mark.slow),
        pytest.param(COURSE, id="course"),
        pytest.param(Following(CONSTANT.options), id="memory", marks=pytest.mark.slow),
    ],
)
def test_two_graphs_for_steps_with_and_without_tar_and_none_for_a_second_run(source, monkeypatch, regularizer):
    monkeypatch.setattr(compiled, "BACKEND", "eager")  # the graphs are those of any backend, and need no C++ compiler
    plain = source.load("cpu", "float32")
    adapter = dataclasses.replace(source, options=FramewiseOptions(compile=True)).load("cpu", "float32")
    assert torch.equal(latents(adapter, 1, regularizer=regularizer), latents(plain, 1, regularizer=regularizer))
    assert counters["stats"]["unique_graphs"] == 2
    assert torch.equal(latents(adapter, 2, regularizer=regularizer), latents(plain, 2, regularizer=regularizer))
    assert counters["stats"]["unique_graphs"] == 2
    assert torch.equal(latents(plain, 2, regularizer=regularizer), latents(plain, 2)) == (regularizer is CONSTANT)
    assert not counters["graph_break"]
    assert not any(module._forward_pre_hooks for module in adapter.denoiser.modules())


class Breaks(nn.Module):
    """Something that no compiler can take into a graph."""

    def forward(self, x):
        return x * (1 if x.sum().item() > 0 else 2)


def test_what_cannot_be_compiled_is_an_error_and_does_not_run_piece_by_piece(monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    network = Breaks()
    compile_denoiser(network)
    with pytest.raises(SamplerError, match=r"torch\.compile failed: \w+: \w+") as refused, compile_errors():
        network(torch.ones(2))
    assert "remove model.compile" in (refused.value.hint or "")


class Bends(nn.Module):
    """Something that a compiler makes a kernel of."""

    def forward(self, x):
        return torch.nn.functional.gelu(x) * 2


def test_a_missing_compiler_is_an_error():
    network = Bends()
    compile_denoiser(network)
    nowhere = inductor.patch({"cpp.cxx": ("/no/such/compiler",), "force_disable_caches": True})
    with nowhere, pytest.raises(SamplerError, match=r"torch\.compile failed"), compile_errors():
        network(torch.ones(3, 2))


def test_the_networks_own_errors_stay_what_they_are():
    with pytest.raises(ZeroDivisionError), compile_errors():
        _ = 1 / 0
