"""Frames a second under offloading and `torch.compile`, and what a run will take before anything is loaded."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.utils import counters

from vstar_sdk.models.diffusers import compiled
from vstar_sdk.models.estimates import Workload
from vstar_sdk.models.videocrafter2.source import VideoCrafter2, VideoCrafter2Options


def source(path, **options):
    return VideoCrafter2(VideoCrafter2Options(path=str(path), **options))


def predictions(adapter, timesteps=(961, 921)):
    """The network's predictions of some steps of one run."""
    random = torch.Generator().manual_seed(0)
    latents, text = torch.randn(1, 4, 6, 4, 8, generator=random), torch.randn(1, 6, 77, 24, generator=random)
    with torch.inference_mode(), adapter.sampling():
        return torch.stack([adapter.denoise(latents, torch.tensor(timestep), text) for timestep in timesteps])


@pytest.fixture(scope="module")
def plain(converted):
    return predictions(source(converted).load("cpu", "float32"))


@pytest.mark.parametrize("offload", ["model", "group"])
def test_offloaded_weights_give_the_same_bit_for_bit(converted, plain, offload):
    assert torch.equal(predictions(source(converted, offload=offload).load("cpu", "float32")), plain)


@pytest.mark.slow
def test_compiled_it_is_one_graph_for_all_steps_and_told_the_frames_a_second(converted, plain, monkeypatch):
    monkeypatch.setattr(compiled, "BACKEND", "eager")  # the graphs are those of any backend, and need no C++ compiler
    torch.compiler.reset()
    counters.clear()
    adapter = source(converted, compile=True, conditioning_fps=8).load("cpu", "float32")
    found = predictions(adapter)
    predictions(adapter, (481, 41))
    assert counters["stats"]["unique_graphs"] == 1
    assert torch.equal(found, predictions(source(converted, conditioning_fps=8).load("cpu", "float32")))
    assert (found - plain).abs().max() > 1e-2
    torch.compiler.reset()


@pytest.mark.slow
def test_what_a_run_takes_is_known_from_a_checkpoint_as_from_the_converted_directory(checkpoint, converted):
    workload = Workload(frames=16, width=64, height=32, branches=2, dtype="float32")
    found = source(checkpoint).estimate(workload)
    assert found == source(converted).estimate(workload)
    assert found.call_flops > 0
