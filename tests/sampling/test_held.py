"""Known latents are held at the level of noise that each step begins with, and are clean at the end."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from tests.denoised import EPSILON, scheduler_for
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.videocrafter2.scaled_ddim import ScaledDDIMScheduler
from vstar_sdk.sampling.denoising import Denoising
from vstar_sdk.sampling.held import Held
from vstar_sdk.sampling.noise import held_noise, step_noise
from vstar_sdk.sampling.sampler import denoise
from vstar_sdk.sampling.single import Single

FLOW = {"num_train_timesteps": 1000, "shift": 3.0, "prediction_type": "flow_prediction", "use_flow_sigmas": True}
CLEAN, NOISE = torch.randn(2, 1, 4, 6, 2, 2, generator=torch.Generator().manual_seed(0))
FRAMES = (0, 1, 4)


class Oracle:
    """Predicts what a perfect network would, wherever the latents are of `CLEAN` and `NOISE`."""

    def __init__(self, prediction):
        self.prediction = prediction

    def begin(self):
        pass

    def state(self):
        return {}

    def resume(self, state):
        pass

    def __call__(self, latents, timestep, moment):
        return self.prediction


def denoising(scheduler, *, prediction=NOISE, steps=5, lead=0.0, **more):
    held = Held(FRAMES, CLEAN[:, :, list(FRAMES)], NOISE[:, :, list(FRAMES)], lead)
    start = torch.randn(CLEAN.shape, generator=torch.Generator().manual_seed(1))
    return Denoising(cast(Any, Oracle(prediction)), start, scheduler, steps, held=held, generator=step_noise(0), **more)


@pytest.mark.parametrize("name", ["ddim", "dpm++", "dpm++-karras", "euler", "heun", "unipc", "flow-euler", "scaled"])
def test_the_level_is_the_one_to_which_the_scheduler_brings_the_latents(name):
    flow = name == "flow-euler"
    scheduler = scheduler_for(name, FLOW if flow else EPSILON) if name != "scaled" else ScaledDDIMScheduler()

    def transform(latents, step, steps, timestep):
        brought.append(latents)
        return latents

    brought: list[torch.Tensor] = []
    held: list[torch.Tensor] = []
    whole = denoising(
        scheduler,
        prediction=NOISE - CLEAN if flow else NOISE,
        transform=transform,
        on_step=lambda step, steps, timestep, latents: held.append(latents),
    )
    denoise(Single(), whole)
    assert len(brought) == len(held) >= 5
    for one, other in list(zip(brought, held, strict=True))[:-1]:
        assert torch.allclose(one[:, :, list(FRAMES)], other[:, :, list(FRAMES)], atol=2e-3, rtol=1e-3)
        assert torch.equal(one[:, :, [2, 3, 5]], other[:, :, [2, 3, 5]])
    assert torch.equal(held[-1][:, :, list(FRAMES)], CLEAN[:, :, list(FRAMES)])


@pytest.mark.parametrize("name", ["ddpm", "dpm++-sde", "euler-ancestral", "lcm", "tcd"])
def test_schedulers_that_draw_noise_end_with_the_clean_latents_too(name):
    latents = denoise(Single(), denoising(scheduler_for(name, EPSILON)))
    assert latents is not None
    assert torch.equal(latents[:, :, list(FRAMES)], CLEAN[:, :, list(FRAMES)])
    assert latents.isfinite().all()


def test_the_first_step_begins_with_them():
    whole = denoising(scheduler_for("euler", EPSILON))
    whole.total = 5
    latents, _ = whole.begin(whole.noise)
    assert torch.equal(latents[:, :, list(FRAMES)], whole.add_noise(CLEAN, NOISE, 0)[:, :, list(FRAMES)])
    assert torch.equal(latents[:, :, [2, 3, 5]], (whole.noise * whole.scale)[:, :, [2, 3, 5]])


def test_a_sampler_that_goes_back_in_the_schedule_gets_them_at_the_level_that_it_goes_back_to():
    whole = denoising(scheduler_for("ddim", EPSILON))
    whole.total = 5
    latents, index = whole.begin(whole.add_noise(torch.zeros_like(CLEAN), NOISE, 2), 2)
    assert index == 2
    assert torch.allclose(latents[:, :, list(FRAMES)], whole.add_noise(CLEAN, NOISE, 2)[:, :, list(FRAMES)])


def test_a_scheduler_that_cannot_add_noise_is_told():
    scheduler = scheduler_for("ddim", EPSILON)

    class Without:
        init_noise_sigma = 1.0
        timesteps = scheduler.timesteps

        def set_timesteps(self, steps, device=None):
            self.timesteps = torch.arange(steps)

        def step(self, prediction, timestep, latents, return_dict=True):
            return (latents,)

    with pytest.raises(SamplerError, match="cannot add noise"):
        denoise(Single(), denoising(Without()))


def test_the_noise_is_independent_of_the_runs_own():
    drawn = torch.randn(4000, generator=held_noise(3))
    assert torch.equal(drawn, torch.randn(4000, generator=held_noise(3)))
    for other in (torch.Generator().manual_seed(3), step_noise(3), held_noise(4)):
        assert abs(torch.corrcoef(torch.stack([drawn, torch.randn(4000, generator=other)]))[0, 1]) < 0.06


def test_frames_are_led_the_longer_the_nearer_they_are_to_a_known_one():
    held = Held((0, 1, 6), CLEAN[:, :, :3], NOISE[:, :, :3], lead=0.4)
    near, next_to_them = (2, 5, 7), (2, 3, 4, 5, 7)
    assert [held.led(index, 10, 8) for index in range(5)] == [next_to_them, next_to_them, near, near, ()]
    assert Held((0,), CLEAN[:, :, :1], NOISE[:, :, :1]).led(0, 10, 8) == ()


def test_a_frame_is_led_by_what_lies_between_its_neighbours():
    held = Held((1, 4), CLEAN[:, :, :2], NOISE[:, :, :2], lead=0.4)
    first, last = CLEAN[:, :, 0], CLEAN[:, :, 1]
    assert torch.allclose(held.between(2), first * 2 / 3 + last / 3)
    assert torch.equal(held.between(0), first)
    assert torch.equal(held.between(5), last)


def test_led_frames_begin_at_the_level_of_the_step_and_are_then_left_alone():
    whole = denoising(scheduler_for("ddim", EPSILON), lead=0.4)
    whole.total = 5
    latents, _ = whole.begin(whole.noise)
    latents = whole.step(latents, 0)
    expected = whole.add_noise((CLEAN[:, :, [1]] * 2 + CLEAN[:, :, [4]]) / 3, whole.noise[:, :, [2]], 1)
    assert torch.allclose(latents[:, :, [2]], expected, atol=1e-6)
    alone = scheduler_for("ddim", EPSILON)
    alone.set_timesteps(5)
    by_the_scheduler = alone.step(NOISE, whole.timesteps[1], latents)[0]
    assert torch.equal(whole.step(latents, 1)[:, :, [2, 3, 5]], by_the_scheduler[:, :, [2, 3, 5]])
