"""What a host's pipeline gives to regularizers: the moment, the call, a memory for each of its runs; as a run does."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.attaching.conftest import make
from tests.denoised import denoised, scheduler_for
from vstar_sdk import Moment, RegularizerOptions, Wrap, attach
from vstar_sdk.attaching.moment import moment
from vstar_sdk.errors import SamplerError
from vstar_sdk.regularizers.tar import Tar, TarOptions

TAR = {"sigma": {0: 1}, "stat": "spread", "window": (0.0, 1.0)}


class Following:
    """TAR whose strength is what the share of attention on the diagonal lacks of all; notes its runs."""

    def __init__(self, **more: Any):
        self.options = TarOptions.model_validate(TAR | more)
        self.operations, self.runs = Tar(self.options).operations, []

    def watches(self, site):
        return (0.0, 1.0) if self.operations(site) else None

    def begin(self, sites, steps):
        self.runs.append(Seen(steps))
        return self.runs[-1]


class Seen:
    def __init__(self, steps):
        self.steps, self.maps = steps, {}

    def observe(self, site, moment, attention):
        self.maps[moment.step, site.name] = attention

    def strength(self, site, moment):
        before = self.maps.get((moment.step - 1, site.name))
        return 1.0 if before is None else 1.0 - float(before.diagonal().mean())


def test_every_run_of_the_pipeline_has_a_memory_of_its_own(pipe):
    following = Following()
    with attach(pipe, [following]):
        first, again = make(pipe), make(pipe)
    assert torch.equal(first, again)
    assert not torch.equal(first, make(pipe))
    assert [memory.steps for memory in following.runs] == [4, 4]
    for memory in following.runs:  # the last step's maps too
        assert {step for step, _ in memory.maps} == {0, 1, 2, 3}


def test_a_run_of_one_step_is_a_run_too(pipe):
    following = Following()
    with attach(pipe, [following]):
        assert torch.equal(make(pipe, num_inference_steps=1), make(pipe, num_inference_steps=1))
    assert [{step for step, _ in memory.maps} for memory in following.runs] == [{0}, {0}]


def test_strength_0_and_a_course_are_what_they_are_in_a_spec(pipe):
    plain = make(pipe)
    with attach(pipe, [Following(strength=0)]):
        assert torch.equal(make(pipe), plain)
    with attach(pipe, [{"use": "tar", **TAR, "strength": {"from": 1.0, "to": 0.0}}]):
        fading = make(pipe)
    assert not torch.equal(fading, plain)
    with attach(pipe, [{"use": "tar", **TAR}]):
        assert not torch.equal(make(pipe), fading)


class Asking:
    """Notes what a wrap may know."""

    def __init__(self):
        self.options, self.calls = RegularizerOptions(), []

    def operations(self, site):
        def fn(call_next, query, key, value, q_frames, k_frames, call):
            self.calls.append((call.moment, call.branches, len(query) == len(call.branches) * call.height * call.width))
            return call_next(query, key, value, q_frames, k_frames)

        return [Wrap(fn)] if site.level == 0 else []


@pytest.mark.parametrize(("guidance", "branches"), [(3.0, (False, True)), (1.0, (True,))])
def test_a_wrap_is_told_the_moment_the_branches_and_the_picture(pipe, guidance, branches):
    asking, plain = Asking(), make(pipe, guidance_scale=guidance)
    with attach(pipe, [asking]):
        assert torch.equal(make(pipe, guidance_scale=guidance), plain)
    timesteps = [float(one) for one in pipe.scheduler.timesteps]
    assert list(dict.fromkeys(asking.calls)) == [
        (Moment(step, 4, timestep), branches, True) for step, timestep in enumerate(timesteps)
    ]


def test_the_same_memory_gives_the_same_in_a_run(tiny_source):
    """A pipeline with our sampler's noise and text, attached to, makes what the sampler makes."""
    from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import TextToVideoSDPipeline

    from vstar_sdk.attention.nursing import nurse
    from vstar_sdk.attention.plan import plan_attention
    from vstar_sdk.clock import Clock

    adapter, following = tiny_source.load("cpu", "float32"), Following()
    noise = torch.randn(adapter.latent_shape(8, 16, 16), generator=torch.Generator().manual_seed(5))
    text, negative = adapter.encode(["a green landscape in summer", ""])
    built: Any = scheduler_for("ddim", adapter.scheduler_config)
    plan = plan_attention(adapter.facts.sites, [following], Clock(8, 8.0), 4)
    with nurse(adapter.denoiser, plan, adapter.family) as nursing:
        frames = text.expand(8, -1, -1)
        ours = denoised(adapter, frames, negative, noise, built, steps=4, guidance=3.0, nursing=nursing)
    pipe: Any = TextToVideoSDPipeline.from_pretrained(tiny_source.directory)
    pipe.scheduler = built
    pipe.set_progress_bar_config(disable=True)
    with attach(pipe, [following]):
        theirs = make(pipe, latents=noise)
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=0)
    one, other = following.runs
    assert one.maps.keys() == other.maps.keys()
    for where, attention in one.maps.items():
        torch.testing.assert_close(attention, other.maps[where], atol=1e-6, rtol=0)


def half_schedule(steps=50) -> Any:
    """Flow matching whose first steps lie closer together than the numbers of bfloat16."""
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

    scheduler: Any = FlowMatchEulerDiscreteScheduler(shift=7.0)
    scheduler.set_timesteps(steps)
    return scheduler


def test_timesteps_in_half_precision_are_told_apart_by_the_steps_that_the_scheduler_counts():
    scheduler, latents = half_schedule(), torch.zeros(1, 4)
    rounded = scheduler.timesteps.bfloat16()
    assert len(set(rounded.tolist())) < len(rounded)
    for step, timestep in enumerate(scheduler.timesteps):
        for _ in range(2):  # a branch each
            assert moment(rounded[step].expand(2), scheduler) == Moment(step, 50, float(timestep))
        latents = scheduler.step(latents, timestep, latents).prev_sample


def test_a_pipeline_that_begins_in_the_middle_says_where():
    for begun in range(10):
        scheduler = half_schedule()
        scheduler.set_begin_index(begun)
        assert moment(scheduler.timesteps[begun].bfloat16(), scheduler).step == begun


def test_a_timestep_that_stands_for_several_steps_is_refused_where_the_scheduler_counts_none():
    scheduler = half_schedule()
    with pytest.raises(SamplerError, match=r"at timestep 988, .* any of \d+ steps, and FlowMatch\w+ does not tell which"):
        moment(torch.tensor(988.0, dtype=torch.bfloat16), scheduler)  # the scheduler is before its first step, far from there

    class Countless:
        timesteps = scheduler.timesteps

    with pytest.raises(SamplerError, match=r"any of \d+ steps, and Countless does not tell which one comes next"):
        moment(scheduler.timesteps[1].bfloat16(), Countless())
    assert moment(scheduler.timesteps[1], Countless()).step == 1  # in float32 it needs no count
