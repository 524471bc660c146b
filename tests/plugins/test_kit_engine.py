"""The kit finds what is wrong with the parts that denoise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

from vstar_sdk.errors import PluginError, SamplerError
from vstar_sdk.options import GuidanceOptions, Options
from vstar_sdk.sampling.apg import Apg, ApgOptions
from vstar_sdk.sampling.cfg import Cfg
from vstar_sdk.sampling.contract import Branch
from vstar_sdk.sampling.gaussian import Gaussian
from vstar_sdk.sampling.schedulers import named
from vstar_sdk.sampling.single import Single
from vstar_sdk.testing.guidances import check_guidance
from vstar_sdk.testing.noises import check_noise
from vstar_sdk.testing.samplers import check_sampler
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


class Noise:
    def __init__(self, draw):
        self.draw = lambda shape, clock, generator: draw(shape, generator)


def test_a_noise_that_is_well():
    check_noise(Gaussian(Options()))


@pytest.mark.parametrize(
    ("draw", "error", "words"),
    [
        (lambda shape, generator: torch.randn(shape), AssertionError, "the same seed gives other noise"),
        (lambda shape, generator: torch.zeros(shape), AssertionError, "another seed gives the same noise"),
        (lambda shape, generator: torch.rand(shape, generator=generator), AssertionError, "the mean is 0.50, not 0"),
        (lambda shape, generator: 2 * torch.randn(shape, generator=generator), AssertionError, "the variance is 4.0"),
        (lambda shape, generator: torch.randn(shape, generator=generator).double(), PluginError, "torch.float64 on cpu, but"),
        (lambda shape, generator: torch.randn(shape[1:], generator=generator), PluginError, "was asked for"),
    ],
    ids=["global", "constant", "uniform", "loud", "double", "shape"],
)
def test_a_noise_with_a_fault_is_told(draw, error, words):
    with pytest.raises(error, match=words):
        check_noise(Noise(draw), frames=[4])


class Guide(Cfg):
    def __init__(self, **members):
        super().__init__(GuidanceOptions())
        vars(self).update(members)


class Counting(Guide):
    """Remembers, and says nothing of it."""

    seen = 0

    def combine(self, predictions, scale, moment):
        self.seen += 1
        return self.seen * super().combine(predictions, scale, moment)


def in_place(predictions, scale, moment):
    return predictions["prompt"].mul_(scale)


def test_guidances_that_are_well():
    check_guidance(lambda: Cfg(GuidanceOptions()))
    check_guidance(lambda: Apg(ApgOptions()))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Guide(combine=in_place), AssertionError, "it changes the predictions"),
        (lambda: Guide(combine=lambda predictions, *_: predictions["prompt"]), AssertionError, "another scale gives the same"),
        (Counting, AssertionError, "when the schedule begins again, gives other predictions"),
        (lambda: Guide(branches=(Branch("a"), Branch("a"))), PluginError, "have a name twice: a, a"),
        (lambda: Guide(branches=(Branch("a", "image"),)), PluginError, "neither 'prompt' nor 'negative'"),  # pyright: ignore[reportArgumentType]
        (lambda: Guide(combine=lambda predictions, *_: predictions["prompt"][0]), PluginError, "but the predictions are"),
        (lambda: Guide(branches=(Branch("a", operations=3),)), PluginError, "operations that are .*, not a function of a site"),  # pyright: ignore[reportArgumentType]
        (lambda: Guide(branches=(Branch("a", window=(0.5, 0.5)),)), PluginError, r"a window \[0.5, 0.5\] that is no part"),
    ],
    ids=["in place", "no scale", "secret memory", "names", "text", "shape", "operations", "window"],
)
def test_a_guidance_with_a_fault_is_told(make, error, words):
    with pytest.raises(error, match=words):
        check_guidance(make)


class Twice(Single):
    def steps(self, schedule):
        return 2 * schedule

    def sample(self, denoising):
        latents = None
        for turn in range(denoising.memory.get("turn", 0), 2):
            denoising.memory["turn"] = turn
            noise = denoising.noise if latents is None else denoising.draw()
            if latents is not None:
                noise = denoising.add_noise(latents, noise, 0) / denoising.scale
            latents, first = denoising.begin(noise)
            for index in range(first, len(denoising.timesteps)):
                latents = denoising.step(latents, index)
        assert latents is not None
        return latents


class Forgetful(Twice):
    """Keeps in itself which turn it is."""

    def sample(self, denoising):
        denoising.memory.clear()
        return super().sample(denoising)


class Mixing(Single):
    """Pulls towards the latents of an earlier step, which it keeps in itself."""

    def sample(self, denoising):
        latents, first = denoising.begin(denoising.noise)
        earlier = latents
        for index in range(first, len(denoising.timesteps)):
            latents = denoising.step(latents.lerp(earlier, 0.1), index)
            earlier = latents if index == 1 else earlier
        return latents


class Stubborn(Single):
    """Catches whatever a step raises, and gives latents all the same."""

    def sample(self, denoising):
        try:
            return super().sample(denoising)
        except BaseException:
            return denoising.noise


class Greedy(Twice):
    def steps(self, schedule):
        return schedule


class Lazy(Single):
    def steps(self, schedule):
        return schedule + 1


class Gambler(Single):
    def sample(self, denoising):
        return super().sample(denoising) + torch.rand(())


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "dpm++", "unipc"])
@pytest.mark.parametrize("make", [Single, Twice, Stubborn])
def test_samplers_that_are_well(make, scheduler):
    assert check_sampler(make, scheduler=scheduler).isfinite().all()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (Forgetful, PluginError, "more steps than the 8 that the sampler announced"),
        (Mixing, AssertionError, "interrupted after step 1, it went on to other latents"),
        (Greedy, PluginError, "more steps than the 4 that the sampler announced"),
        (Lazy, PluginError, "took 4 of the 5 steps that it announced"),
        (Gambler, AssertionError, "asked again, it gave other latents"),
    ],
)
def test_a_sampler_with_a_fault_is_told(make, error, words):
    with pytest.raises(error, match=words):
        check_sampler(make)
