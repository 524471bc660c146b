"""The kit finds what is wrong with the parts that denoise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

from vstar_sdk.errors import PluginError, SamplerError
from vstar_sdk.sampling.schedulers import named
from vstar_sdk.testing.schedulers import check_scheduler


class Source:
    def __init__(self, kind, takes_eta=False):
        self.kind, self.takes_eta = kind, takes_eta

    def make(self, config):
        return self.kind.from_config(config)


@pytest.mark.parametrize("name", ["ddim", "euler-ancestral", "heun", "unipc"])
def test_a_scheduler_that_is_well(name):
    check_scheduler(named(name))


class Own:
    """A scheduler that is not of diffusers."""

    def __init__(self):
        self.timesteps = torch.tensor([0])

    def set_timesteps(self, num_inference_steps, device=None):
        self.timesteps = torch.arange(num_inference_steps, 0, -1, device=device)

    def step(self, model_output, timestep, sample, return_dict=True):
        return (sample - model_output / len(self.timesteps),)


class Made(Source):
    def make(self, config):
        return self.kind()


def test_a_scheduler_of_another_library_is_as_good():
    check_scheduler(Made(Own))


class Chance(DDIMScheduler):
    def step(self, *args: Any, **named: Any) -> Any:
        (latents, *_) = super().step(*args, **named)
        return (latents + torch.randn(latents.shape),)


class Hidden(Own):
    """Keeps what it carries where no state can find it."""

    def set_timesteps(self, num_inference_steps, device=None):
        super().set_timesteps(num_inference_steps, device)
        done = [0]

        def step(model_output, timestep, sample, return_dict=True):
            done[0] += 1
            return (sample - done[0] * model_output,)

        self.step = step


class Keeper(Own):
    def set_timesteps(self, num_inference_steps, device=None):
        super().set_timesteps(num_inference_steps, device)
        self.lock = object()


class Halved(Own):
    def step(self, model_output, timestep, sample, return_dict=True):
        return (sample.half(),)


class Exploding(Own):
    def step(self, model_output, timestep, sample, return_dict=True):
        return (sample / 0,)


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (Source(Chance), AssertionError, "asked again, it gave other latents"),
        (Made(Hidden), AssertionError, "interrupted after step 1, it went on to other latents"),
        (Made(Keeper), SamplerError, "its lock is a object"),
        (Made(Halved), PluginError, "torch.float16 on cpu, but the latents are"),
        (Made(Exploding), AssertionError, "after step 1 of 5 the latents are not finite"),
        (Made(dict), PluginError, "a dict instead of a vstar_sdk.Scheduler: it has no timesteps, set_timesteps"),
        (Source(EulerDiscreteScheduler, takes_eta=True), Exception, "has no eta"),
    ],
    ids=["by chance", "hidden", "unwritable", "half", "not finite", "none", "eta"],
)
def test_a_scheduler_with_a_fault_is_told(source, error, words):
    with pytest.raises(error, match=words):
        check_scheduler(source)
