"""Weights that wait elsewhere: the same numbers, a component at a time, and the model afterwards as it was."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any

import pytest
import torch
from diffusers.hooks.group_offloading import ModuleGroup
from torch import nn

from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.clock import Clock
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions


class Traveller(nn.Linear):
    """A component that writes down where it is sent, and stays here."""

    def __init__(self):
        super().__init__(1, 1)
        self.places = []

    def to(self, device):  # pyright: ignore
        self.places.append(str(device))
        return self


def test_without_offloading_every_component_is_sent_to_the_device_once():
    one, other = components = (Traveller(), Traveller())
    placement = Placement(components, "cuda:1", "none")
    with placement.using(one), placement.using(other):
        pass
    assert one.places == other.places == ["cuda:1"]


def test_a_component_is_on_the_device_only_while_it_is_used_however_often_that_is_said():
    one, other = components = (Traveller(), Traveller())
    placement = Placement(components, "cuda", "model")
    with placement.using(one), placement.using(one):
        pass
    with placement.using(other):
        pass
    assert one.places == other.places == ["cpu", "cuda", "cpu"]


def test_a_component_leaves_the_device_after_a_failure_too():
    component = Traveller()
    placement = Placement([component], "cuda", "model")
    with pytest.raises(ZeroDivisionError), placement.using(component):
        _ = 1 / 0
    assert component.places == ["cpu", "cuda", "cpu"]
    assert not placement.resident


def offloaded(tiny_source, offload):
    return dataclasses.replace(tiny_source, options=FramewiseOptions(offload=offload)).load("cpu", "float32")


def everything(adapter):
    """Text, a nursed prediction with a text for every frame, and frames."""
    plan = plan_attention(adapter.facts.sites, [Tar(TarOptions(sigma={0: 1.0}))], Clock(8, 8.0))
    text = adapter.encode(["a green landscape", "a red ball"])
    latents = torch.randn(adapter.latent_shape(8, 16, 16), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(), adapter.sampling(), nurse(adapter.denoiser, plan, adapter.family) as nursing:
        nursing.at(0, 1)
        predicted = adapter.denoise(latents, torch.tensor(500), text.repeat(4, 1, 1)[None])
    frames = torch.stack([torch.from_numpy(frame) for frame in adapter.decode(predicted)])
    return text, predicted, frames


@pytest.mark.parametrize("offload", ["model", "group"])
def test_what_is_computed_is_the_same_bit_for_bit(tiny_source, offload):
    for plain, moved in zip(everything(offloaded(tiny_source, "none")), everything(offloaded(tiny_source, offload)), strict=True):
        assert torch.equal(plain, moved)


def test_text_encoder_denoiser_and_decoder_take_turns(tiny_source):
    adapter = offloaded(tiny_source, "model")
    resident = []
    for module in (adapter.networks.text.encoder, adapter.denoiser, adapter.networks.vae.decoder):
        module.register_forward_pre_hook(lambda *_: resident.append(adapter.networks.placement.resident))
    everything(adapter)
    turns = [only for index, only in enumerate(resident) if index == 0 or only != resident[index - 1]]
    assert turns == [{adapter.networks.text.encoder}, {adapter.denoiser}, {adapter.networks.vae}]


def test_frames_that_nobody_wants_any_more_release_the_decoder(tiny_source):
    adapter = offloaded(tiny_source, "model")
    frames = adapter.decode(torch.zeros(adapter.latent_shape(8, 16, 16)))
    next(frames)
    assert adapter.networks.placement.resident == {adapter.networks.vae}
    frames.close()
    assert not adapter.networks.placement.resident


def test_by_groups_the_layers_come_and_go_one_by_one(tiny_source, monkeypatch):
    adapter = offloaded(tiny_source, "group")
    present, most = set(), []
    onload, offload = ModuleGroup.onload_, ModuleGroup.offload_

    def come(group):
        present.add(group)
        most.append(len(present))
        onload(group)

    def go(group):
        present.discard(group)
        offload(group)

    monkeypatch.setattr(ModuleGroup, "onload_", come)
    monkeypatch.setattr(ModuleGroup, "offload_", go)
    everything(adapter)
    assert len(most) > 200
    assert max(most) <= 2
    assert not present


@pytest.mark.parametrize("offload", ["none", "model", "group"])
def test_after_a_run_the_model_is_as_before(tiny_source, offload):
    adapter = offloaded(tiny_source, offload)
    before = snapshot(adapter)
    everything(adapter)
    for left, right in zip(before, snapshot(adapter), strict=True):
        assert left == right


def snapshot(adapter):
    """Everything that a run could leave behind: devices, weights, processors, hooks, replaced methods."""
    components = (adapter.networks.text.encoder, adapter.denoiser, adapter.networks.vae)
    weights = [(name, p.device, p.dtype, p.sum().item()) for c in components for name, p in c.named_parameters()]
    modules = [module for c in components for module in c.modules()]
    processors = [id(getattr(module, "processor", None)) for module in modules]
    hooks = [(len(module._forward_pre_hooks), len(module._forward_hooks), id(vars(module).get("forward"))) for module in modules]
    return weights, processors, hooks, adapter.networks.placement.resident, adapter.frame_text.embeddings


def test_a_component_that_does_not_fit_goes_back_whole():
    class TooLarge(nn.Module):
        def __init__(self):
            super().__init__()
            self.places: list[str] = []

        def to(self, device: Any) -> Any:  # type: ignore[override]
            self.places.append(str(device))
            if len(self.places) == 2:
                raise RuntimeError("CUDA out of memory")
            return self

    component = TooLarge()
    placement = Placement([component], "cpu", "model")
    with pytest.raises(RuntimeError, match="out of memory"), placement.using(component):
        pass
    assert len(component.places) == 3
    assert not placement.resident


def test_layers_that_come_and_go_serve_one_thread_at_a_time():
    placement, together, most = Placement([nn.Linear(2, 2)], "cpu", "group"), [0], [0]

    def work():
        for _ in range(20):
            with placement.computing():
                together[0] += 1
                most[0] = max(most[0], together[0])
                time.sleep(0.0005)
                together[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
