"""What a prediction stands for: exact predictions give the clean latents back, by every scheduler that can tell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.denoised import scheduler_for
from vstar_sdk.models.videocrafter2.scaled_ddim import ScaledDDIMScheduler
from vstar_sdk.sampling.clean import clean
from vstar_sdk.sampling.denoising import Denoising
from vstar_sdk.sampling.schedulers import timesteps_of

SHAPE = (1, 4, 3, 5, 5)
DIFFUSION = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
FLOW = {"num_train_timesteps": 1000, "prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0}


def told(kind, x0, noise, alpha):
    signal, share = alpha**0.5, (1 - alpha) ** 0.5
    return {"epsilon": noise, "sample": x0, "v_prediction": signal * noise - share * x0}[kind]


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("name", ["ddim", "ddpm", "dpm++", "unipc", "euler", "heun"])
def test_an_exact_prediction_gives_the_clean_latents(name, kind):
    torch.manual_seed(0)
    x0, noise = torch.randn(2, *SHAPE)
    scheduler: Any = scheduler_for(name, DIFFUSION | {"prediction_type": kind})
    timesteps = timesteps_of(scheduler, 8, "cpu")
    for index in (0, 3, 6):
        alpha = scheduler.alphas_cumprod[int(timesteps[index])]
        if hasattr(scheduler, "sigmas"):  # a timestep between two of the training has a noise level between theirs
            alpha = 1 / (1 + scheduler.sigmas[index] ** 2)
        seen = alpha**0.5 * x0 + (1 - alpha) ** 0.5 * noise  # whatever the scheduler's own scale
        found = clean(scheduler, seen, told(kind, x0, noise, alpha), index)
        assert found is not None
        torch.testing.assert_close(found, x0, rtol=0, atol=2e-4)


@pytest.mark.parametrize(("name", "config"), [("unipc", FLOW), ("flow-euler", FLOW | {"shift": 3.0})])
def test_flow_matching_too(name, config):
    torch.manual_seed(0)
    x0, noise = torch.randn(2, *SHAPE)
    scheduler: Any = scheduler_for(name, config)
    timesteps_of(scheduler, 8, "cpu")
    sigma = scheduler.sigmas[3]
    found = clean(scheduler, (1 - sigma) * x0 + sigma * noise, noise - x0, 3)
    assert found is not None
    torch.testing.assert_close(found, x0, rtol=0, atol=1e-5)


def test_the_scaled_schedule_of_videocrafter2_is_asked_itself():
    torch.manual_seed(0)
    x0, noise = torch.randn(2, *SHAPE)
    scheduler: Any = ScaledDDIMScheduler()
    timesteps = timesteps_of(scheduler, 8, "cpu")
    seen = scheduler.add_noise(x0, noise, timesteps[2:3])
    found = clean(scheduler, seen, noise, 2)
    assert found is not None
    torch.testing.assert_close(found, x0, rtol=0, atol=2e-4)


@pytest.mark.parametrize("name", ["ddim", "euler"])
def test_a_sampler_that_brings_its_own_prediction_has_the_clean_latents_of_that_step(name):
    """One prediction for two steps, say: the second is of the latents before it, as the model would see them."""
    torch.manual_seed(0)
    noise, told = torch.randn(2, *SHAPE)

    class Told:
        def begin(self) -> None: ...

        def __call__(self, *_: object) -> torch.Tensor:
            return told

    guided: Any = Told()
    scheduler, other = (scheduler_for(name, DIFFUSION) for _ in range(2))
    denoising = Denoising(guided, noise, scheduler, 4)
    denoising.total = 4
    latents, _ = denoising.begin(noise)
    latents = denoising.step(latents, 0)
    timestep = timesteps_of(other, 4, "cpu")[1]
    expected = clean(other, other.scale_model_input(latents, timestep), told, 1)
    denoising.step(latents, 1, told)
    torch.testing.assert_close(denoising.clean(), expected)


def test_a_scheduler_that_cannot_tell_gives_none():
    silent = SimpleNamespace(config={}, timesteps=torch.tensor([5.0]))
    assert clean(silent, torch.zeros(1), torch.zeros(1), 0) is None
