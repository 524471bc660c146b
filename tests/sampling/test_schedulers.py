"""Schedulers by name."""

import importlib.util
import subprocess
import sys
from typing import Any

import pytest
import torch

from tests.denoised import CATALOG, EPSILON, ZERO_SNR, scheduler_for, walked
from vstar_sdk.errors import MissingDependency, SpecError
from vstar_sdk.models.diffusers.flow_matching import flow_config
from vstar_sdk.models.diffusers.scheduler_classes import DIFFUSERS
from vstar_sdk.sampling.schedulers import named, step_arguments, timesteps_of
from vstar_sdk.spec.loading import load_spec

PLAIN = [name for name in DIFFUSERS if name != "flow-euler"]
"""Those for a diffusion model of any family."""


@pytest.mark.parametrize("name", [*PLAIN, "DEISMultistepScheduler", "KDPM2AncestralDiscreteScheduler"])
def test_every_scheduler_takes_three_steps(name):
    first = walked(scheduler_for(name, EPSILON))
    assert first.isfinite().all()
    assert torch.equal(walked(scheduler_for(name, EPSILON)), first)


@pytest.mark.parametrize("name", [name for name in PLAIN if name != "heun"])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_at_zero_terminal_snr_every_scheduler_that_can_is_finite(name, eta):
    assert walked(scheduler_for(name, ZERO_SNR), eta if named(name).takes_eta else 0.0).isfinite().all()


@pytest.mark.parametrize("name", ["heun", "DEISMultistepScheduler"])
def test_a_scheduler_that_would_ignore_how_the_model_was_trained_is_refused(name):
    with pytest.raises(SpecError, match="has no rescale_betas_zero_snr, but this model was trained with True") as refused:
        scheduler_for(name, ZERO_SNR)
    assert refused.value.path == ("scheduler",)
    assert "ddim" in str(refused.value.hint)
    assert "heun" not in str(refused.value.hint)


FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 3.0, "shift": 3.0}


@pytest.mark.parametrize("name", ["unipc", "flow-euler", "flow-euler-even", "flow-linear-quadratic", "flow-unipc", "dpm++"])
def test_schedulers_for_flow_matching_share_a_configuration_and_its_shift(name):
    scheduler: Any = scheduler_for(name, FLOW)
    timesteps_of(scheduler, 4, "cpu")
    assert scheduler.config["flow_shift" if "flow_shift" in scheduler.config else "shift"] == 3.0
    sigmas = scheduler.sigmas.tolist()
    assert sigmas == sorted(sigmas, reverse=True)
    assert sigmas[0] == pytest.approx(1.0, abs=1e-3)
    assert sigmas[-1] == 0.0


@pytest.mark.parametrize("name", ["ddim", "euler", "heun"])
def test_a_scheduler_that_knows_no_flow_is_refused_for_a_model_of_flow_matching(name):
    with pytest.raises(SpecError, match="is not for models trained by flow matching, as this one was") as refused:
        scheduler_for(name, FLOW)
    assert "flow-euler, flow-euler-even, flow-linear-quadratic, flow-unipc, unipc" in str(refused.value.hint)


@pytest.mark.parametrize("name", ["flow-euler", "FlowMatchHeunDiscreteScheduler"])
def test_a_scheduler_of_flow_matching_alone_is_refused_for_a_diffusion_model(name):
    with pytest.raises(SpecError, match=r"is for models trained by flow matching|has no beta_schedule"):
        scheduler_for(name, EPSILON)
    with pytest.raises(SpecError, match="is for models trained by flow matching"):
        scheduler_for(name, {})


PROMPT = {"prompt": "a landscape from winter to autumn"}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("dimm", "sampling.scheduler: unknown scheduler 'dimm'. Did you mean 'ddim'?"),
        ("DDIM", "sampling.scheduler: unknown scheduler 'DDIM'. Known: cogvideox-ddim, "),
        ("", "sampling.scheduler: unknown scheduler ''. Known: cogvideox-ddim, "),
        (3, "sampling.scheduler: must be text"),
        ("diffusers", "sampling.scheduler: 'diffusers' has options that must be written: {use: diffusers, ...}"),
        ({"use": "eular"}, "sampling.scheduler.use: unknown scheduler 'eular'. Did you mean 'euler'?"),
        ({"config": {}}, "sampling.scheduler: 'use' is missing: name a scheduler: cogvideox-ddim, "),
        ({"use": "euler", "confg": {}}, "sampling.scheduler.confg: unknown key 'confg'. Did you mean 'config'?"),
        ({"use": "diffusers", "name": "DEIS"}, "sampling.scheduler.name: must match pattern"),
        ("acme/fast", "sampling.scheduler: unknown scheduler 'acme/fast': no installed package brings the namespace 'acme'"),
    ],
    ids=str,
)
def test_a_scheduler_that_a_spec_cannot_name_is_refused_at_its_place(written, words):
    with pytest.raises(SpecError) as refused:
        load_spec(PROMPT | {"sampling": {"scheduler": written}})
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("written", "kind", "settings"),
    [
        ("dpm++", "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
        ({"use": "dpm++"}, "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
        ({"use": "dpm++", "config": {"solver_order": 3}}, "DPMSolverMultistepScheduler", {"solver_order": 3}),
        ("DEISMultistepScheduler", "DEISMultistepScheduler", {"solver_order": 2}),
        ({"use": "diffusers", "name": "DEISMultistepScheduler", "config": {"solver_order": 1}}, "DEISMultistepScheduler", {}),
    ],
    ids=str,
)
def test_a_name_and_a_mapping_mean_the_same_class(written, kind, settings):
    spec = load_spec(PROMPT | {"sampling": {"scheduler": written}}).spec
    dumped = spec.model_dump(mode="json")["sampling"]["scheduler"]
    assert dumped == (written if isinstance(written, str) else {"config": {}} | written)
    assert spec.sampling.scheduler is not None
    scheduler: Any = CATALOG.make("schedulers", spec.sampling.scheduler).make(EPSILON)
    assert type(scheduler).__name__ == kind
    assert {key: scheduler.config[key] for key in settings} == settings


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("solver_ordr", 3, "is not a setting of DPMSolverMultistepScheduler"),
        *((key, 3, f"{key} is what the model was trained with") for key in ("prediction_type", "num_train_timesteps")),
        *((key, 0.5, f"{key} is what the model was trained with") for key in ("beta_start", "beta_end")),
        ("solver_order", "two", "solver_order must be a number"),
        ("solver_order", True, "solver_order must be a number"),
        ("lambda_min_clipped", "low", "lambda_min_clipped must be a number"),
        ("thresholding", 1, "thresholding must be true or false"),
        ("thresholding", "yes", "thresholding must be true or false"),
        ("timestep_spacing", 3, "timestep_spacing must be text"),
        ("timestep_spacing", "even", "timestep_spacing must be linspace or leading or trailing"),
    ],
)
def test_a_setting_that_the_class_does_not_have_or_that_is_the_models_or_of_another_type_is_refused(key, value, words):
    with pytest.raises(SpecError, match=words) as refused:
        configured("dpm++", {key: value})
    assert refused.value.path == ("scheduler", "config", key)


def configured(name: str, config: dict[str, Any]) -> Any:
    source = CATALOG.part("schedulers", name)
    return source.make(source.options.model_validate({"config": config})).make(EPSILON)


@pytest.mark.parametrize(
    ("name", "config", "words"),
    [
        ("dpm++", {"algorithm_type": "fast"}, "scheduler 'dpm++' fails with {algorithm_type: fast}: fast is not implemented"),
        ("dpm++", {"solver_order": 0}, "scheduler 'dpm++' fails with {solver_order: 0}: list assignment index out of range"),
        ("dpm++", {"lambda_min_clipped": 99}, "scheduler 'dpm++' fails with {lambda_min_clipped: 99}: index"),
        ("lcm", {"original_inference_steps": 0}, "scheduler 'lcm' fails with {original_inference_steps: 0}: integer division"),
        ("unipc", {"disable_corrector": 3}, "scheduler 'unipc' fails with {disable_corrector: 3}: argument of type 'int'"),
        ("unipc", {"solver_order": 0, "lower_order_final": False}, "fails with {solver_order: 0, lower_order_final: False}"),
    ],
    ids=str,
)
def test_settings_that_a_scheduler_fails_with_are_named_before_a_run(name, config, words):
    with pytest.raises(SpecError) as refused:
        configured(name, config)
    assert words in str(refused.value)
    assert refused.value.path == ("scheduler", "config", *(config if len(config) == 1 else ()))


def test_settings_are_not_blamed_for_a_class_whose_steps_are_of_another_kind():
    source = CATALOG.part("schedulers", "diffusers")
    options = source.options.model_validate({"name": "SCMScheduler", "config": {"sigma_data": 0.4}})
    assert source.make(options).make({}).config["sigma_data"] == 0.4


def test_a_class_that_diffusers_does_not_have_is_refused_when_it_is_built():
    with pytest.raises(SpecError, match="Did you mean 'DPMSolverMultistepScheduler'"):
        scheduler_for("DPMSolverMultistepsScheduler", EPSILON)
    with pytest.raises(SpecError, match="'ScoreSdeVpScheduler' has no step from one timestep to the next"):
        scheduler_for("ScoreSdeVpScheduler", EPSILON)


def test_a_class_whose_package_is_missing_says_so():
    if importlib.util.find_spec("torchsde"):
        pytest.skip("torchsde is installed")
    with pytest.raises(MissingDependency, match="torchsde"):
        scheduler_for("DPMSolverSDEScheduler", EPSILON)


def test_the_table_knows_which_steps_take_eta():
    for name in PLAIN:
        in_steps = "eta" in step_arguments(scheduler_for(name, EPSILON), 0.0, None)
        assert named(name).takes_eta == in_steps, name
    assert named("DDIMParallelScheduler").takes_eta
    assert not named("PNDMScheduler").takes_eta


@pytest.mark.parametrize(("name", "steps"), [("PNDMScheduler", 3), ("lcm", 51), ("ddim", 1001)])
def test_a_number_of_steps_that_a_scheduler_cannot_take_is_refused(name, steps):
    with pytest.raises(SpecError, match=f"cannot take {steps} steps") as refused:
        timesteps_of(scheduler_for(name, EPSILON), steps, "cpu")
    assert refused.value.path == ("steps",)


def test_names_need_no_torch():
    code = (
        "import sys; from vstar_sdk.plugin.discovery import built_in_catalog; "
        "built_in_catalog().make('schedulers', 'cogvideox-dpm').takes_eta; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


DYNAMIC = {
    "use_dynamic_shifting": True,
    "base_shift": 0.95,
    "max_shift": 2.05,
    "base_image_seq_len": 1024,
    "max_image_seq_len": 4096,
    "shift_terminal": 0.1,
}


@pytest.mark.parametrize("tokens", [12, 1024, 7392])
def test_a_schedule_that_moves_with_the_size_of_the_clip_is_diffusers_own(tokens):
    """As LTX's pipeline sets it."""
    import numpy as np
    from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

    own: Any = FlowMatchEulerDiscreteScheduler(**DYNAMIC)  # pyright: ignore[reportArgumentType]
    own.set_timesteps(7, mu=calculate_shift(tokens, 1024, 4096, 0.95, 2.05), sigmas=np.linspace(1.0, 1 / 7, 7))
    built: Any = scheduler_for("flow-euler", flow_config(DYNAMIC, None))
    assert torch.equal(timesteps_of(built, 7, "cpu", tokens=tokens), own.timesteps)
    assert torch.equal(built.sigmas, own.sigmas)


def test_more_tokens_move_more_steps_to_the_noisy_part():
    middle: list[float] = []
    for name in ("flow-euler", "unipc"):
        few, many = (timesteps_of(scheduler_for(name, flow_config(DYNAMIC, None)), 9, "cpu", tokens=n)[4] for n in (500, 9000))
        assert few < many
        middle.append(float(many))
    fixed = timesteps_of(scheduler_for("flow-euler", flow_config(DYNAMIC, 2.0)), 9, "cpu", tokens=9000)[4]
    assert fixed < min(middle)


def test_a_stretched_schedule_has_two_steps_at_least():
    with pytest.raises(SpecError, match="cannot take 1 steps: its schedule is interpolated"):
        timesteps_of(scheduler_for("flow-euler", flow_config(DYNAMIC, None)), 1, "cpu")


@pytest.mark.parametrize("name", ["cogvideox-ddim", "cogvideox-dpm"])
def test_a_scheduler_of_a_shifted_ratio_is_for_models_that_have_one(name):
    with pytest.raises(SpecError, match="is for models trained with a shifted signal-to-noise ratio") as refused:
        scheduler_for(name, ZERO_SNR)
    assert "cogvideox" not in str(refused.value.hint)
    shifted = ZERO_SNR | {"snr_shift_scale": 3.0}
    assert walked(scheduler_for(name, shifted)).isfinite().all()
    with pytest.raises(SpecError, match="has no eta"):
        walked(scheduler_for(name, shifted), eta=0.5)
    assert not CATALOG.make("schedulers", name).takes_eta


def test_even_levels_are_shifted_once():
    config = {"num_train_timesteps": 1000, "use_flow_sigmas": True, "shift": 5.0, "flow_shift": 5.0}
    built: Any = scheduler_for("flow-euler-even", config)
    timesteps = timesteps_of(built, 4, "cpu")
    levels = torch.tensor([1.0, 0.75, 0.5, 0.25])
    torch.testing.assert_close(timesteps, 1000 * 5 * levels / (1 + 4 * levels))
    built.set_timesteps(sigmas=[1.0, 0.5])
    torch.testing.assert_close(built.sigmas, torch.tensor([1.0, 5 / 6, 0.0]))
