"""Stopping after a step, writing the state, and going on: the same bits as not stopping, for every scheduler."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from typing import Any

import pytest
import torch
from diffusers import schedulers as diffusers_schedulers

from tests.denoised import SCHEDULERS, denoised, gaussian, scheduler_for
from vstar_sdk.errors import MissingDependency, OutputError, SamplerError, SpecError
from vstar_sdk.options import GuidanceOptions
from vstar_sdk.sampling.cfg import Cfg
from vstar_sdk.sampling.denoising import Denoising
from vstar_sdk.sampling.guided import Guided
from vstar_sdk.sampling.noise import step_noise
from vstar_sdk.sampling.state import SamplerState
from vstar_sdk.sampling.tensor_file import read_tensors, write_tensors

PLAIN = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "timestep_spacing": "trailing",
}
FLOW = {
    "use_flow_sigmas": True,
    "prediction_type": "flow_prediction",
    "flow_shift": 3.0,
    "shift": 3.0,
    "num_train_timesteps": 1000,
}
SCALED = PLAIN | {"signal_scale": 0.7, "signal_scale_steps": 400}
SHIFTED = PLAIN | {"snr_shift_scale": 3.0}
STEPS = 5


def build(name: str) -> Any:
    """A scheduler, from the configuration of whatever kind of model it is for."""
    for config in (PLAIN, FLOW, SCALED, SHIFTED):
        try:
            return scheduler_for(name, config)
        except SpecError:
            continue
    raise AssertionError(f"no configuration fits {name}")


class Swirl:
    """A denoiser of one line: what a scheduler carries does not hang on the network."""

    def encode(self, prompts):
        return torch.linspace(-1, 1, len(prompts) * 6).reshape(len(prompts), 2, 3)

    def latent_shape(self, frames, height, width):
        return (1, 4, frames, height // 4, width // 4)

    def denoise(self, latents, timestep, text):
        return torch.sin(latents.roll(1, -1) + timestep / 100) + text.mean((2, 3))[:, None, :, None, None]


def sampled(adapter, scheduler, generator, **options):
    text, negative = adapter.encode(["a green landscape", "a red ball"])
    noise = gaussian(adapter.latent_shape(4, 16, 16), 7)
    eta = 1.0 if "eta" in inspect.signature(scheduler.step).parameters else 0.0
    given = {"steps": STEPS, "guidance": 3.0, "eta": eta, "generator": generator} | options
    return denoised(adapter, text.expand(4, -1, -1), negative, noise, scheduler, **given)


def others() -> list[str]:
    """The scheduler classes of diffusers that have no short name and can denoise a video here."""
    names = [name for name in dir(diffusers_schedulers) if name.endswith("Scheduler") and not name.startswith("Helios")]
    found = []
    for name in names:
        try:
            step = build(name).step.__code__
        except (MissingDependency, AssertionError, AttributeError, TypeError):
            continue
        if "timestep_back" not in step.co_varnames:  # CogVideoX's own pipeline alone can call that one
            found.append(name)
    return found


def test_there_are_other_schedulers():
    assert {"DEISMultistepScheduler", "PNDMScheduler", "SASolverScheduler", "FlowMatchHeunDiscreteScheduler"} <= set(others())


@pytest.mark.parametrize("name", [*SCHEDULERS, *(pytest.param(name, marks=pytest.mark.slow) for name in others())])
def test_going_on_from_a_file_gives_the_same_bits(name, tmp_path):
    whole = sampled(Swirl(), build(name), step_noise(7))
    for stop in range(STEPS):
        scheduler, generator = build(name), step_noise(7)
        latents = sampled(Swirl(), scheduler, generator, until=stop)
        SamplerState.of(stop, latents, scheduler, generator).write(tmp_path / "state")
        again = sampled(Swirl(), build(name), step_noise(0), state=SamplerState.read(tmp_path / "state"))
        assert torch.equal(again, whole), f"stopped after {stop}"


def test_a_state_may_be_taken_while_the_sampling_goes_on():
    scheduler, generator, states = build("unipc"), step_noise(7), []

    def on_step(step, steps, timestep, latents):
        states.append(SamplerState.of(step, latents, scheduler, generator))

    whole = sampled(Swirl(), scheduler, generator, on_step=on_step)
    for state in states:
        assert torch.equal(sampled(Swirl(), build("unipc"), step_noise(0), state=state), whole), state.step


def test_a_run_may_stop_many_times_and_one_state_may_be_gone_on_from_twice(tiny_adapter):
    whole = sampled(tiny_adapter, build("unipc"), step_noise(7))
    state = None
    for stop in range(1, STEPS):
        scheduler, generator = build("unipc"), step_noise(7)
        latents = sampled(tiny_adapter, scheduler, generator, state=state, until=stop)
        state = SamplerState.of(stop, latents, scheduler, generator)
    for _ in range(2):
        assert torch.equal(sampled(tiny_adapter, build("unipc"), step_noise(7), state=state), whole)


SECOND = """
import sys, torch
from pathlib import Path
from tests.sampling.test_state import build, sampled
from vstar_sdk.models.unet3d.source import UNet3DSource
from vstar_sdk.options import GuidanceOptions
from vstar_sdk.plugin.discovery import built_in_catalog
from vstar_sdk.sampling.noise import step_noise
from vstar_sdk.sampling.state import SamplerState
from vstar_sdk.sampling.tensor_file import write_tensors

model, folder = map(Path, sys.argv[1:])
adapter = UNet3DSource(directory=model, name="tiny", frames=8, fps=8.0, steps=4, guidance=3.0).load("cpu", "float32")
for name in ("ddim", "unipc"):
    latents = sampled(adapter, build(name), step_noise(0), state=SamplerState.read(folder / name))
    write_tensors(folder / f"{name}-latents", latents)
"""


@pytest.mark.slow
def test_another_process_goes_on_to_the_same_bits(tiny_adapter, tiny_pipeline_dir, tmp_path, request):
    wholes = {}
    for name in ("ddim", "unipc"):
        wholes[name] = sampled(tiny_adapter, build(name), step_noise(7))
        scheduler, generator = build(name), step_noise(7)
        latents = sampled(tiny_adapter, scheduler, generator, until=2)
        SamplerState.of(2, latents, scheduler, generator).write(tmp_path / name)
    command = [sys.executable, "-c", SECOND, str(tiny_pipeline_dir), str(tmp_path)]
    subprocess.run(command, check=True, cwd=request.config.rootpath, timeout=300)
    for name, whole in wholes.items():
        assert torch.equal(read_tensors(tmp_path / f"{name}-latents"), whole), name


@pytest.fixture
def state() -> SamplerState:
    scheduler, generator = build("ddim"), step_noise(7)
    return SamplerState.of(2, sampled(Swirl(), scheduler, generator, until=2), scheduler, generator)


@pytest.mark.parametrize(
    ("scheduler", "options", "words"),
    [
        ("euler", {}, "is for ClampedDDIMScheduler, but the run uses EulerDiscreteScheduler"),
        ("ddim", {"steps": 4}, "a schedule of 5 steps, but the run has 4"),
        ("ddim", {"generator": None}, "whether their steps draw noise"),
    ],
)
def test_a_state_of_another_sampling_is_refused(state, scheduler, options, words):
    with pytest.raises(SamplerError, match=words):
        sampled(Swirl(), build(scheduler), options.pop("generator", step_noise(7)), state=state, eta=0.0, **options)


class Computed:
    """A scheduler that is not of diffusers, and computes its timesteps whenever they are asked for."""

    def __init__(self):
        self.count = 0

    @property
    def timesteps(self):
        return torch.arange(self.count, 0, -1)

    def set_timesteps(self, num_inference_steps, device=None):
        self.count = num_inference_steps

    def step(self, model_output, timestep, sample, *, return_dict=True):
        return (sample - model_output / self.count,)


@pytest.mark.parametrize("make", [lambda: build("ddim"), Computed], ids=["ddim", "computed"])
def test_a_written_state_of_another_number_of_steps_is_refused_and_that_of_the_same_is_not(make, tmp_path):
    scheduler, generator = make(), step_noise(7)
    latents = sampled(Swirl(), scheduler, generator, until=2)
    SamplerState.of(2, latents, scheduler, generator).write(tmp_path / "state")
    state = SamplerState.read(tmp_path / "state")
    with pytest.raises(SamplerError, match="the state is of a schedule of 5 steps, but the run has 6") as refused:
        sampled(Swirl(), make(), step_noise(7), state=state, steps=6)
    assert refused.value.hint == "sampling.steps must not change after the run has started"
    assert torch.equal(sampled(Swirl(), make(), step_noise(0), state=state), sampled(Swirl(), make(), step_noise(7)))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_a_sampler_keeps_lies_on_the_device_once_from_before_it_begins(device):
    scheduler, generator = build("ddim"), step_noise(7)
    latents = sampled(Swirl(), scheduler, generator, until=2)
    state = SamplerState.of(2, latents, scheduler, generator, memory={"turn": 0, "blend": [torch.ones(3)]})
    text, negative = Swirl().encode(["a green landscape", "a red ball"])
    guided = Guided(Swirl(), text.expand(4, -1, -1), negative, Cfg(GuidanceOptions()), 3.0, "one")  # pyright: ignore[reportArgumentType]
    denoising = Denoising(guided, latents.to(device), build("ddim"), STEPS, eta=1.0, generator=step_noise(7), state=state)
    (blend,) = denoising.memory["blend"]
    assert blend.device.type == device
    assert blend is not state.memory["blend"][0]
    denoising.memory["turn"] = 1
    denoising.begin(denoising.noise)
    assert denoising.memory["turn"] == 1
    assert denoising.memory["blend"][0] is blend


def test_so_is_one_of_another_configuration_or_another_clip(state):
    other = scheduler_for("ddim", PLAIN | {"beta_end": 0.02})
    with pytest.raises(SamplerError, match="another beta_end"):
        sampled(Swirl(), other, step_noise(7), state=state)
    longer = dataclasses.replace(state, latents=torch.zeros(1, 4, 5, 4, 4))
    with pytest.raises(SamplerError, match=r"latents \(1, 4, 5, 4, 4\), but the run has \(1, 4, 4, 4, 4\)"):
        sampled(Swirl(), build("ddim"), step_noise(7), state=longer)


@pytest.mark.parametrize("until", [1, STEPS + 1])
def test_a_stop_behind_the_state_or_beyond_the_schedule_is_refused(state, until):
    with pytest.raises(ValueError, match=f"until {until}: from step 2 of 5"):
        sampled(Swirl(), build("ddim"), step_noise(7), state=state, until=until)


def test_a_scheduler_with_a_noise_source_of_its_own_cannot_be_kept_and_says_so():
    class Source:
        def __call__(self):
            return 0

    scheduler = build("euler")
    scheduler.noise_sampler = Source()
    latents = sampled(Swirl(), scheduler, step_noise(7), until=1)
    with pytest.raises(SamplerError, match="its noise_sampler is a Source"):
        SamplerState.of(1, latents, scheduler, None)


def test_a_file_that_is_no_state_is_refused(tmp_path):
    (tmp_path / "text").write_text("not tensors")
    write_tensors(tmp_path / "other", {"a": torch.ones(2)})
    for name, words in (
        ("text", "has no readable state"),
        ("absent", "has no readable state"),
        ("other", "of a sampler"),
    ):
        with pytest.raises(SamplerError, match=words):
            SamplerState.read(tmp_path / name)


def test_what_cannot_be_written_is_named_and_no_file_is_left(tmp_path):
    with pytest.raises(TypeError, match=r"data\.a\[1\] is a object"):
        write_tensors(tmp_path / "file", {"a": [1, object()]})
    with pytest.raises(OutputError, match="cannot be written"):
        write_tensors(tmp_path / "absent" / "file", {"a": 1})
    assert list(tmp_path.iterdir()) == []
