"""Our DDIM is diffusers', to the bit, and finite at zero terminal SNR."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from tests.denoised import EPSILON, ZERO_SNR, scheduler_for, walked
from vstar_sdk.errors import SpecError
from vstar_sdk.models.diffusers.ddim import ClampedDDIMScheduler
from vstar_sdk.sampling.schedulers import timesteps_of


def test_the_stock_ddim_fails_at_zero_terminal_snr_and_ours_does_not():
    assert not walked(DDIMScheduler.from_config(ZERO_SNR), eta=1.0, steps=25).isfinite().all()
    assert walked(scheduler_for("ddim", ZERO_SNR), eta=1.0, steps=25).isfinite().all()


def test_its_first_step_is_the_exact_one():
    """At a_t = 0 and eta 1 the step is ``sqrt(a_prev) x0 + sqrt(1 - a_prev) noise``."""
    scheduler: Any = ClampedDDIMScheduler.from_config(ZERO_SNR)
    scheduler.set_timesteps(25)
    predicted, latents, noise = torch.randn(3, 1, 4, 2, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = scheduler.step(predicted, scheduler.timesteps[0], latents, eta=1.0, variance_noise=noise, return_dict=False)[0]
    kept = scheduler.alphas_cumprod[959].double()
    torch.testing.assert_close(found, kept.sqrt() * -predicted + (1 - kept).sqrt() * noise, atol=1e-6, rtol=0)


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("predicts", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize(
    "options",
    [{}, {"clip_sample": False}, {"thresholding": True, "sample_max_value": 2.0}, {"set_alpha_to_one": False, "steps_offset": 1}],
)
def test_every_option_of_the_stock_ddim_means_the_same(schedule, predicts, spacing, options):
    config = {"beta_schedule": schedule, "prediction_type": predicts, "timestep_spacing": spacing, **options}
    ours: Any = scheduler_for("ddim", config)
    stock: Any = DDIMScheduler.from_config(config)
    assert torch.equal(walked(ours, 0.5, steps=7), walked(stock, 0.5, steps=7))
    written, there = json.loads(ours.to_json_string()), json.loads(stock.to_json_string())
    assert {key: written[key] for key in there if not key.startswith("_")} == {
        key: value for key, value in there.items() if not key.startswith("_")
    }
    clean, noise = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    timesteps = torch.tensor([5, 500, 990])
    assert torch.equal(ours.add_noise(clean, noise, timesteps), stock.add_noise(clean, noise, timesteps))


def test_what_ddim_cannot_be_is_refused():
    with pytest.raises(SpecError, match="timestep_spacing 'even': it is one of leading, trailing, linspace"):
        scheduler_for("ddim", {"timestep_spacing": "even"})
    with pytest.raises(SpecError, match="cannot take 1001 steps: the model was trained with 1000 timesteps"):
        timesteps_of(scheduler_for("ddim", {}), 1001, "cpu")


@pytest.mark.parametrize(("config", "eta"), [(EPSILON, 0.0), (EPSILON, 1.0), (ZERO_SNR, 0.0), (ZERO_SNR, 0.5)])
def test_everywhere_else_it_is_the_stock_ddim_bit_for_bit(config, eta):
    ours, stock = scheduler_for("ddim", config), DDIMScheduler.from_config(config)
    assert isinstance(ours, ClampedDDIMScheduler)
    assert torch.equal(walked(ours, eta, steps=10), walked(stock, eta, steps=10))


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
def test_ddim_has_the_timesteps_of_diffusers_at_every_number_of_steps(spacing):
    ours: Any = ClampedDDIMScheduler(timestep_spacing=spacing)
    stock: Any = DDIMScheduler(timestep_spacing=spacing)
    for steps in range(1, 1001):
        ours.set_timesteps(steps)
        stock.set_timesteps(steps)
        assert torch.equal(ours.timesteps, stock.timesteps), steps


def test_ddim_refuses_timesteps_behind_the_training():
    scheduler: Any = ClampedDDIMScheduler(timestep_spacing="leading", steps_offset=1)
    with pytest.raises(ValueError, match="with steps_offset 1 they begin after the 1000 of the training"):
        scheduler.set_timesteps(1000)
    before: Any = ClampedDDIMScheduler(timestep_spacing="leading", steps_offset=-1)
    with pytest.raises(ValueError, match="with steps_offset -1 they end before the first of the training"):
        before.set_timesteps(10)
