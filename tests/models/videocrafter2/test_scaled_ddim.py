"""The scheduler of VideoCrafter2: the recorded trajectories, and how it is chosen and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.denoised import SCHEDULERS, scheduler_for
from vstar_sdk.errors import SpecError
from vstar_sdk.models.videocrafter2.scaled_ddim import ScaledDDIMScheduler
from vstar_sdk.sampling.noise import step_noise
from vstar_sdk.sampling.schedulers import step_arguments, timesteps_of

GOLDEN = Path(__file__).parents[2] / "golden" / "scaled_ddim.safetensors"

SCALED = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "signal_scale": 0.7,
    "signal_scale_steps": 400,
}


def built_for(config) -> Any:
    """The scheduler as a spec names it."""
    return scheduler_for("scaled-ddim", config)


def scheduler(steps) -> Any:
    built = built_for(SCALED)
    built.set_timesteps(steps)
    return built


@pytest.mark.parametrize(("name", "steps", "eta"), [("S25_eta1", 25, 1.0), ("S50_eta0", 50, 0.0)])
def test_it_follows_the_recorded_trajectory(name, steps, eta):
    golden = load_file(GOLDEN)
    eps, noise, states = (golden[f"{name}.{part}"] for part in ("eps", "noise", "trajectory"))
    built = scheduler(steps)
    assert built.timesteps.tolist() == golden[f"{name}.timesteps"].tolist()
    x = states[0]
    for step, timestep in enumerate(built.timesteps):
        x = built.step(eps[step], timestep, x, eta=eta, variance_noise=noise[step], return_dict=False)[0]
        torch.testing.assert_close(x, states[step + 1], atol=1e-9, rtol=0)


def test_with_a_perfect_prediction_it_comes_back_along_the_noised_signal():
    """Deterministic steps from ``add_noise(x0, e, t)`` with the prediction ``e`` are ``add_noise`` at every timestep."""
    built = scheduler(25)
    clean, noise = torch.randn(2, 1, 4, 3, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = built.add_noise(clean, noise, built.timesteps[:1])
    for here, there in zip(built.timesteps, [*built.timesteps[1:], torch.tensor(0)], strict=True):
        x, predicted = built.step(noise, here, x, return_dict=False)
        torch.testing.assert_close(predicted, clean, atol=1e-9, rtol=0)
        torch.testing.assert_close(x, built.add_noise(clean, noise, there[None]), atol=1e-9, rtol=0)


@pytest.mark.parametrize("steps", [1, 3, 7, 30, 60, 333, 501, 999])
def test_a_number_of_steps_that_does_not_divide_the_schedule_is_taken_evenly(steps):
    timesteps = scheduler(steps).timesteps.tolist()
    assert len(timesteps) == steps
    assert timesteps == sorted({*timesteps}, reverse=True)
    gaps = [a - b for a, b in zip([1001, *timesteps], timesteps, strict=False)]
    assert timesteps[-1] == 1
    assert timesteps[0] < 1000
    assert {*gaps} <= {1000 // steps, 1000 // steps + 1}


@pytest.mark.parametrize("steps", [0, 1000, 2000])
def test_more_steps_than_there_are_timesteps_are_refused(steps):
    with pytest.raises(SpecError, match=f"cannot take {steps} steps: it takes 1 to 999 steps"):
        timesteps_of(built_for(SCALED), steps, "cpu")


def test_the_noise_of_its_steps_is_the_generators():
    built, x = scheduler(4), torch.zeros(1, 4, 2, 3, 3)
    steps = [built.step(x, 751, x, **step_arguments(built, 1.0, step_noise(seed)), return_dict=False)[0] for seed in (1, 1, 2)]
    assert torch.equal(steps[0], steps[1])
    assert not torch.equal(steps[0], steps[2])


def test_latents_keep_their_precision():
    built, x = scheduler(4), torch.zeros(1, 4, 2, 3, 3, dtype=torch.bfloat16)
    before, clean = built.step(x, 751, x, eta=1.0, return_dict=False)
    assert (before.dtype, clean.dtype) == (torch.bfloat16, torch.bfloat16)


@pytest.mark.parametrize(
    "name",
    [
        *sorted({*SCHEDULERS} - {"scaled-ddim", "flow-euler", "flow-euler-even", "flow-linear-quadratic", "flow-unipc"}),
        "DEISMultistepScheduler",
    ],
)
def test_every_other_scheduler_is_refused_on_a_model_with_a_signal_scale(name):
    with pytest.raises(SpecError, match=r"has no signal_scale, but this model was trained with 0\.7") as refused:
        scheduler_for(name, SCALED)
    assert (refused.value.path, refused.value.hint) == (("scheduler",), "remove it: the model has its own")


def test_it_is_refused_on_a_model_without_a_signal_scale():
    plain = {key: value for key, value in SCALED.items() if not key.startswith("signal")}
    with pytest.raises(SpecError, match="is for models trained with a signal scale; this one was not") as refused:
        built_for(plain)
    assert (refused.value.path, refused.value.hint) == (("scheduler",), "remove it to use the model's own, or use ddim")


@pytest.mark.parametrize("change", [{"prediction_type": "v_prediction"}, {"beta_schedule": "linear"}, {"signal_scale": 1.5}])
def test_a_configuration_that_it_has_no_meaning_for_is_refused(change):
    with pytest.raises(SpecError, match="scheduler 'scaled-ddim' cannot be built from this model's configuration"):
        built_for({**SCALED, **change})


def test_its_configuration_survives_saving(tmp_path):
    built_for({**SCALED, "signal_scale": 0.8}).save_pretrained(tmp_path)
    loaded: Any = ScaledDDIMScheduler.from_pretrained(tmp_path)
    assert loaded.config["signal_scale"] == 0.8
