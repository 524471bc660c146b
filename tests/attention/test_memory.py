"""Regularizers with a memory: the maps that they asked for, and the strengths that they make of them."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch

from tests.denoised import denoised, gaussian, scheduler_for
from vstar_sdk.attention.memory import Memories
from vstar_sdk.attention.moment import Moment
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recording import Recording
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SamplerError, SpecError
from vstar_sdk.models.unet3d.family import UNET3D
from vstar_sdk.options import Course, RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions
from vstar_sdk.sampling.noise import step_noise
from vstar_sdk.sampling.schedulers import timesteps_of
from vstar_sdk.sampling.state import SamplerState

FRAMES, STEPS = 8, 4


class Following:
    """TAR at level 0 whose strength is what the share of attention on the diagonal lacks of a target."""

    def __init__(self, window=(0.0, 1.0), watched=(0.0, 0.5), **options: Any):
        self.options = TarOptions(sigma={0: 1}, stat="spread", window=window, **options)
        self.operations, self.watched = Tar(self.options).operations, watched
        self.runs: list[Seen] = []

    def watches(self, site):
        return self.watched if self.operations(site) else None

    def begin(self, sites, steps):
        self.runs.append(Seen([site.name for site in sites], steps))
        return self.runs[-1]


class Seen:
    """The memory of one run."""

    def __init__(self, sites, steps):
        self.sites, self.steps, self.maps, self.asked = sites, steps, [], []

    def observe(self, site, moment, attention):
        self.maps.append((moment.step, site.name, attention))

    def strength(self, site, moment):
        self.asked.append((moment.step, site.name))
        own = [float(attention.diagonal().mean()) for _, name, attention in self.maps if name == site.name]
        return max(0.0, 1.0 - own[-1]) if own else 1.0


@pytest.fixture
def unet(tiny_adapter):
    return copy.deepcopy(tiny_adapter.denoiser)


def plan_of(tiny_source, *regularizers, steps: int | None = STEPS):
    return plan_attention(tiny_source.facts().sites, regularizers, Clock(FRAMES, 8.0), steps)


def run(unet, plan, recording=None, calls=1):
    """The output of every step; each in so many calls, as with branches of their own."""
    random = torch.Generator().manual_seed(3)
    latents, text = torch.randn(2, 4, FRAMES, 4, 4, generator=random), torch.randn(2, 12, 16, generator=random)
    outputs = []
    with nurse(unet, plan, UNET3D, recording=recording) as nursing, torch.no_grad():
        for step in range(STEPS):
            parts = []
            for x, words in zip(latents.chunk(calls), text.chunk(calls), strict=True):
                nursing.at(step, STEPS, 1000.0 - step)
                parts.append(unet(x, 500, encoder_hidden_states=words).sample)
            outputs.append(torch.cat(parts))
    return outputs


def test_it_sees_the_maps_of_the_sites_and_steps_that_it_asked_for_and_no_others(unet, tiny_source):
    following = Following()
    plan = plan_of(tiny_source, following)
    recording = Recording([planned.site for planned in plan.sites], [0, 1])
    run(unet, plan, recording)
    (memory,) = following.runs
    names = [planned.site.name for planned in plan.sites]
    assert (memory.sites, memory.steps) == (names, STEPS)
    assert [(step, name) for step, name, _ in memory.maps] == [(step, name) for step in (0, 1) for name in names]
    for (step, name, attention), recorded in zip(memory.maps, recording.maps().flatten(0, 1), strict=True):
        torch.testing.assert_close(attention, recorded, msg=f"{name} in step {step}")


def test_the_strength_of_a_step_is_made_of_the_steps_before_it(unet, tiny_source):
    following = Following()
    outputs = run(unet, plan_of(tiny_source, following))
    (memory,) = following.runs
    for step in range(STEPS):  # the same step, at the strengths that it told, as constants
        before = {name: attention for seen, name, attention in memory.maps if seen == min(step - 1, 1)}
        strengths = {name: max(0.0, 1.0 - float(before[name].diagonal().mean())) if step else 1.0 for name in memory.sites}
        assert len(set(strengths.values())) > 1 or step == 0

        class Constant:
            options = RegularizerOptions()

            def operations(self, site, strengths=strengths):
                return [Bias(one.fn, one.stat, strengths[site.name]) for one in following.operations(site)]

        constant = run(unet, plan_of(tiny_source, Constant()))
        assert torch.equal(outputs[step], constant[0])


def test_a_run_without_a_say_is_the_plain_regularizer(unet, tiny_source):
    class Silent(Following):
        def watches(self, site):
            return None

    plain = Tar(TarOptions(sigma={0: 1}, stat="spread", window=(0.0, 1.0)))
    outputs = run(unet, plan_of(tiny_source, Silent()))
    assert all(torch.equal(a, b) for a, b in zip(outputs, run(unet, plan_of(tiny_source, plain)), strict=True))


def test_its_maps_have_one_buffer_for_a_site_on_a_device(tiny_source):
    (plan, *others) = plan_of(tiny_source, Following(watched=(0.0, 1.0))).sites
    memories = Memories(plan_of(tiny_source, Following(watched=(0.0, 1.0))).remembering)
    slots: list[Any] = []
    for step in (0, 0, 1, 2):
        memories.at(Moment(step, STEPS), [plan, *others])
        slots.append(memories.slot(plan, Moment(step, STEPS), torch.device("cpu")))
    memories.turn(0)
    memories.at(Moment(0, STEPS), [plan, *others])
    slots.append(memories.slot(plan, Moment(0, STEPS), torch.device("cpu")))
    assert len({id(slot) for slot in slots}) == 1
    assert memories.slot(others[0], Moment(0, STEPS), torch.device("cpu")) is not slots[0]


def test_watching_alone_leaves_the_picture_as_it_is(unet, tiny_source):
    class Watching(Following):
        def __init__(self):
            super().__init__()
            self.options, self.operations = RegularizerOptions(), lambda site: ()

        def watches(self, site):
            return (0.5, 1.0) if site.level == 1 else None

    watching = Watching()
    plan = plan_of(tiny_source, watching)
    assert {planned.site.level for planned in plan.sites} == {1}
    outputs = run(unet, plan)
    assert all(torch.equal(a, b) for a, b in zip(outputs, run(unet, plan_of(tiny_source)), strict=True))
    assert [step for step, *_ in watching.runs[0].maps] == [2] * len(plan.sites) + [3] * len(plan.sites)
    assert watching.runs[0].asked == []


def test_watching_in_a_window_without_a_step_is_refused(tiny_source):
    with pytest.raises(
        SpecError, match=r"Following: watches \S+ in the window \[0.55, 0.6\], which holds none of 4 steps"
    ) as refused:
        plan_of(tiny_source, Tar(TarOptions()), Following(watched=(0.55, 0.6)))
    assert refused.value.path == ("regularizers", 1)
    assert plan_of(tiny_source, Following(watched=(0.55, 0.6)), steps=20).sites
    assert plan_of(tiny_source, Following(watched=(0.55, 0.6)), steps=None).sites


def test_the_plan_says_who_watches_and_whose_strength_is_its_own(tiny_source):
    lines = plan_of(tiny_source, Following(strength=0.5)).summary(STEPS).splitlines()
    assert lines[0].endswith(
        "sites: steps 0-3 row statistics (Following at 0.5 times its own); watched by Following in steps 0-1"
    )


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_its_strength_is_times_that_of_its_options_and_0_is_the_plain_model(unet, tiny_source, strength):
    class Half(Following):
        def begin(self, sites, steps):
            memory = super().begin(sites, steps)
            memory.strength = lambda site, moment: strength
            return memory

    outputs = run(unet, plan_of(tiny_source, Half(strength=0.8)))
    constant = Tar(TarOptions(sigma={0: 1}, stat="spread", window=(0.0, 1.0), strength=0.8 * strength))
    assert all(torch.equal(a, b) for a, b in zip(outputs, run(unet, plan_of(tiny_source, constant)), strict=True))


def test_a_course_runs_beside_the_memory(unet, tiny_source):
    course = Course.model_validate({"from": 1.0, "to": 0.0})
    outputs = run(unet, plan_of(tiny_source, Following(strength=course)))
    plain = run(unet, plan_of(tiny_source))
    assert torch.equal(outputs[3], plain[3])
    assert not torch.allclose(outputs[2], plain[2])


def test_branches_in_one_call_and_in_two_agree_as_tars_do(unet, tiny_source):
    def apart(regularizer: Any):
        one, two = (run(unet, plan_of(tiny_source, regularizer), calls=calls) for calls in (1, 2))
        return max(float((a - b).abs().max()) for a, b in zip(one, two, strict=True))

    following = Following(watched=(0.0, 1.0))
    assert apart(following) < 1e-5
    assert apart(Tar(following.options)) < 1e-5
    one, two = following.runs
    assert [(step, name) for step, name, _ in one.maps] == [(step, name) for step, name, _ in two.maps]
    for (*_, first), (*_, second) in zip(one.maps, two.maps, strict=True):
        torch.testing.assert_close(first, second, atol=1e-6, rtol=0)


def sampled(tiny_adapter, tiny_source, following, steps=STEPS, **options: Any):
    text = tiny_adapter.encode(["a green landscape", "a red ball"]).repeat(4, 1, 1)
    noise = gaussian(tiny_adapter.latent_shape(FRAMES, 16, 16), 7)
    scheduler = scheduler_for("ddim", tiny_adapter.scheduler_config)
    with nurse(tiny_adapter.denoiser, plan_of(tiny_source, following, steps=steps), tiny_adapter.family) as nursing:
        given = {"steps": steps, "guidance": 3.0, "nursing": nursing} | options
        latents = denoised(tiny_adapter, text, text[3], noise, scheduler, **given)
    return latents, scheduler


def test_every_run_has_a_memory_of_its_own_and_the_moments_of_its_scheduler(tiny_adapter, tiny_source):
    moments: list[float] = []

    class Noting(Following):
        def begin(self, sites, steps):
            return noting(super().begin(sites, steps), moments)

    following = Noting()
    first, scheduler = sampled(tiny_adapter, tiny_source, following)
    following.runs[0].maps.append(None)  # a memory that has been let go of is not asked again: it would fail
    moments.clear()
    again, _ = sampled(tiny_adapter, tiny_source, following)
    assert torch.equal(first, again)
    assert len(following.runs) == 2
    assert moments == [float(one) for one in timesteps_of(scheduler, STEPS, "cpu")]


def noting(memory, moments):
    plain = memory.strength

    def strength(site, moment):
        if moment.timestep not in moments:
            moments.append(moment.timestep)
        assert not math.isnan(moment.timestep)
        return plain(site, moment)

    memory.strength = strength
    return memory


class Turns:
    """Takes the schedule once from its beginning, then again from each of some steps."""

    def __init__(self, *again):
        self.again = again

    def steps(self, schedule):
        return schedule + sum(schedule - index for index in self.again)

    def sample(self, denoising):
        latents = denoising.noise
        for index in (0, *self.again):
            latents, first = denoising.begin(denoising.noise if index == 0 else latents, index)
            for step in range(first, len(denoising.timesteps)):
                latents = denoising.step(latents, step)
        return latents


@pytest.mark.parametrize("steps", [STEPS, 1])
def test_every_turn_of_a_sampler_has_a_memory_of_its_own(tiny_adapter, tiny_source, steps):
    following = Following(watched=(0.0, 1.0))
    twice, _ = sampled(tiny_adapter, tiny_source, following, steps, sampler=Turns(0))
    once, _ = sampled(tiny_adapter, tiny_source, following, steps, sampler=Turns())
    assert torch.equal(twice, once)
    first, second, alone = following.runs
    for memory in (first, second):
        assert [(step, name) for step, name, _ in memory.maps] == [(step, name) for step, name, _ in alone.maps]
        assert all(torch.equal(a, b) for (*_, a), (*_, b) in zip(memory.maps, alone.maps, strict=True))


def test_a_turn_from_inside_the_schedule_goes_on_with_the_memory_and_mixes_no_maps(tiny_adapter, tiny_source):
    following = Following(watched=(0.0, 1.0))
    sampled(tiny_adapter, tiny_source, following, sampler=Turns(STEPS - 1, STEPS - 1))
    (memory,) = following.runs
    assert list(dict.fromkeys(step for step, *_ in memory.maps)) == list(range(STEPS))
    of_one = [(step, attention) for step, name, attention in memory.maps if name == memory.sites[0]]
    assert [step for step, _ in of_one] == [0, 1, 2, 3, 3, 3]
    assert not torch.equal(of_one[-2][1], of_one[-1][1])


def test_guidance_in_one_batch_and_in_two_agree(tiny_adapter, tiny_source):
    one, _ = sampled(tiny_adapter, tiny_source, Following())
    two, _ = sampled(tiny_adapter, tiny_source, Following(), guidance_batch="two")
    torch.testing.assert_close(one, two, atol=1e-4, rtol=0)


def test_going_on_from_a_state_that_does_not_hold_the_memory_is_refused(tiny_adapter, tiny_source):
    generator = step_noise(7)
    latents, scheduler = sampled(tiny_adapter, tiny_source, Following(), until=2, generator=generator)
    state = SamplerState.of(2, latents, scheduler, generator)
    with pytest.raises(SamplerError, match="Following has memory of earlier steps, which a saved state does not include"):
        sampled(tiny_adapter, tiny_source, Following(), state=state, generator=generator)
