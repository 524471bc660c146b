"""The parts that denoise, from the spec to the latents."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from vstar_sdk import Branch, GuidanceOptions, Options, PluginError, RunCancelled, SpecError, hookimpl
from vstar_sdk.plugin.transforms import Transforms
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.runs.run import Run
from vstar_sdk.runs.schedule import evaluations
from vstar_sdk.runs.stages.encode import encode
from vstar_sdk.runs.stages.load import load
from vstar_sdk.runs.stages.sample import sample
from vstar_sdk.runs.stages.synopsis import synopsis
from vstar_sdk.runs.state import RunState
from vstar_sdk.sampling.single import Single
from vstar_sdk.sampling.tensor_file import read_tensors
from vstar_sdk.spec.loading import load_spec

STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 2,
    "synopsis": {"use": "miniworld", "states": 2},
    "regularizers": [],
}


def story(**sampling):
    return STORY | {"sampling": {"steps": 2} | sampling}


class Engine:
    """A host's plugin with a part of each kind."""

    namespace = "kit"

    @hookimpl
    def register_noises(self, register):
        register("still", options=Options, factory=Still, summary="The same in every frame.")

    @hookimpl
    def register_guidances(self, register):
        register("reckless", options=GuidanceOptions, factory=Reckless, summary="Away from the prompt itself.")

    @hookimpl
    def register_samplers(self, register):
        register("again", options=Options, factory=Again, summary="The schedule twice.")


class Still:
    def __init__(self, options):
        pass

    def draw(self, shape, clock, generator):
        assert clock.latents == shape[2]
        one, channels, _, height, width = shape
        return torch.randn(one, channels, 1, height, width, generator=generator).expand(shape)


class Reckless:
    branches = (Branch("prompt"), Branch("negative", "negative"))

    def __init__(self, options):
        self.options = options

    def combine(self, predictions, scale, moment):
        return predictions["negative"] + scale * (predictions["prompt"] - predictions["negative"])


class Again:
    """The schedule twice, the second time from fresh noise mixed with the first clip."""

    def __init__(self, options):
        pass

    def steps(self, schedule):
        return 2 * schedule

    def sample(self, denoising):
        latents = None
        for turn in range(denoising.memory.get("turn", 0), 2):
            denoising.memory["turn"] = turn
            noise = denoising.noise
            if latents is not None:
                noise = 0.6 * denoising.draw() + 0.8 * denoising.add_noise(latents, noise, 0) / denoising.scale
            latents, first = denoising.begin(noise)
            for index in range(first, len(denoising.timesteps)):
                latents = denoising.step(latents, index)
        return latents


@pytest.fixture(scope="module")
def plain(session):
    return session.run(story(guidance=3.0)).latents


@pytest.mark.parametrize(
    "sampling",
    [
        {"guidance": {"scale": 3.0}},
        {"guidance": {"use": "cfg", "scale": 3.0, "start": 0.0, "stop": 1.0}, "noise": "gaussian", "sampler": "single"},
        {"guidance": 3, "noise": {"use": "gaussian"}, "sampler": {"use": "single"}, "scheduler": {"use": "ddim"}},
    ],
    ids=["a scale", "a mapping", "mappings"],
)
def test_every_way_to_write_the_built_in_parts_gives_the_same_bits(session, plain, sampling):
    result = session.run(story(**sampling))
    assert torch.equal(result.latents, plain)
    again = session.run(result.spec)
    assert torch.equal(again.latents, plain)
    assert again.spec == result.spec


def test_what_is_left_out_is_written_as_before(session):
    written = session.run(story()).spec.model_dump(mode="json", exclude_none=True)["sampling"]
    assert written == {"steps": 2, "scheduler": "ddim", "guidance": 4.0, "eta": 0.0, "guidance_batch": "one"}


def test_a_guidance_without_a_scale_has_the_models_own(session):
    plan = make_plan(load_spec(story(guidance={"use": "apg"})))
    assert (plan.settings.guidance, plan.settings.guided_by, plan.settings.branches) == (4.0, "apg", 2)
    assert make_plan(load_spec(story(guidance="apg"))).settings.guided_by == "apg"
    assert make_plan(load_spec(story(guidance={"use": "apg", "scale": 1}))).settings.branches == 1


def test_a_guidance_that_would_guide_no_step_is_refused():
    load = load_spec(story(steps=2, guidance={"use": "cfg", "start": 0.5}))
    assert make_plan(load).settings.branches == 2
    with pytest.raises(SpecError, match=r"sampling\.guidance: cfg: start 0\.9 and stop 1 hold none of 2 steps"):
        make_plan(load_spec(story(steps=2, guidance={"use": "cfg", "start": 0.9})))


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        ({"guidance": 0.5}, "sampling.guidance: must be greater than or equal to 1"),
        ({"guidance": [7.5]}, "sampling.guidance: write the name of a known guidance here, or a mapping"),
        ({"guidance": "cfgg"}, "sampling.guidance: unknown guidance 'cfgg'. Did you mean 'cfg'?"),
        ({"guidance": {"use": "cfg", "scal": 3}}, "sampling.guidance.scal: unknown key 'scal'. Did you mean 'scale'?"),
        ({"guidance": {"use": "cfg", "start": 0.5, "stop": 0.5}}, "sampling.guidance: start 0.5, stop 0.5: write two fractions"),
        ({"noise": "gausian"}, "sampling.noise: unknown noise 'gausian'. Did you mean 'gaussian'?"),
        ({"sampler": {"use": "kit/again"}}, "sampling.sampler.use: unknown sampler 'kit/again': no installed package brings"),
        ({"sampler": 3}, "sampling.sampler: write the name of a known sampler here, or a mapping"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_at_its_place(sampling, words):
    with pytest.raises(SpecError) as refused:
        load_spec(story(**sampling))
    assert words in str(refused.value)


def test_parts_of_a_plugin_take_their_places(session, plain):
    same = {"guidance": {"use": "kit/reckless", "scale": 3.0}}
    result = session.run(story(**same), plugins=[Engine()])
    torch.testing.assert_close(result.latents, plain, atol=1e-4, rtol=1e-4)
    still = session.run(story(noise="kit/still", guidance=3.0), plugins=[Engine()])
    assert not torch.allclose(still.latents, plain)
    (record,) = still.manifest["plugins"]
    assert record["parts"] == ["kit/still"]


def test_a_sampler_tells_every_step_that_it_takes_and_the_plan_knows_how_many(session):
    loaded = load_spec(story(sampler="kit/again"), plugins=[Engine()])
    assert evaluations(make_plan(loaded)) == 4
    job = session.start(loaded)
    steps = [(event.step, event.steps) for event in job.events() if event.kind == "step"]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert job.progress == 1.0


def test_two_branches_in_one_batch_or_two_are_the_same_but_for_rounding(session):
    one, two = (
        session.run(story(sampler="kit/again", guidance={"use": "apg", "stop": 0.5}, guidance_batch=batch), plugins=[Engine()])
        for batch in ("one", "two")
    )
    torch.testing.assert_close(one.latents, two.latents, atol=1e-3, rtol=1e-3)


def test_a_run_is_cancelled_inside_a_sampler_that_catches_everything(session):
    class Stubborn(Single):
        def sample(self, denoising):
            try:
                return super().sample(denoising)
            except BaseException:
                return denoising.noise

    class Host:
        namespace = "host"

        @hookimpl
        def register_samplers(self, register):
            register("stubborn", options=Options, factory=Stubborn, summary="Never gives up.")

        @hookimpl
        def on_step(self, event):
            job.cancel()

    job = session.start(story(steps=20, sampler="host/stubborn"), plugins=[Host()])
    with pytest.raises(RunCancelled):
        job.result()


ENGINE = {
    "steps": 3,
    "guidance": {"use": "apg", "scale": 5.0},
    "sampler": "kit/again",
    "scheduler": "unipc",
    "noise": "kit/still",
}


def begun(sampling=ENGINE):
    plan = make_plan(load_spec(story(**sampling), plugins=[Engine()]))
    return Run("r", plan, Transforms(()), emit=lambda event: None, check=lambda: None)


SECOND = """
import sys
from pathlib import Path
from tests.runs.test_engine import begun
from vstar_sdk.runs.models import Models
from vstar_sdk.runs.stages.encode import encode
from vstar_sdk.runs.stages.load import load
from vstar_sdk.runs.stages.sample import sample
from vstar_sdk.runs.state import RunState

run = begun()
adapter = load(run, Models())
for folder in map(Path, sys.argv[1:]):
    sample(run, adapter, encode(run, adapter, RunState.read(folder))).write(folder)
"""


def test_paused_anywhere_another_process_goes_on_to_the_same_bits(session, tmp_path, request):
    """Inside the first turn and the second, with a guidance that remembers and noise that is drawn again."""
    whole = session.run(story(**ENGINE), plugins=[Engine()]).latents
    run = begun()
    adapter, folders = load(run, Models()), [tmp_path / str(until) for until in (2, 3, 5)]
    for folder in folders:
        state = sample(run, adapter, encode(run, adapter, synopsis(run, RunState())), until=int(folder.name))
        assert state.latents is None
        state.write(folder)
    command = [sys.executable, "-c", SECOND, *map(str, folders)]
    subprocess.run(command, check=True, cwd=request.config.rootpath, timeout=300)
    for folder in folders:
        assert torch.equal(read_tensors(folder / "latents"), whole), folder.name


def test_noise_is_transformed_before_the_first_step_and_at_each_fresh_draw(session):
    seen = []

    class Quiet:
        @hookimpl
        def transform_noise(self, noise, clock):
            seen.append((tuple(noise.shape), noise.dtype, clock.latents))
            return noise.flip(-1)

    plain, flipped = session.run(story()), session.run(story(), plugins=[Quiet()])
    assert seen == [(tuple(plain.latents.shape), torch.float32, 2)]
    assert not torch.allclose(plain.latents, flipped.latents)
    session.run(story(sampler="kit/again"), plugins=[Engine(), Quiet()])
    assert len(seen) == 3


def test_noise_that_is_none_ends_the_run_and_names_the_plugin(session):
    class Loud:
        @hookimpl
        def transform_noise(self, noise):
            return noise[0]

    with pytest.raises(PluginError, match=r"plugin loud .* broke the contract of transform_noise: it returned \("):
        session.run(story(), plugins=[Loud()])


def test_every_stage_is_told(session):
    class Watcher:
        def __init__(self):
            self.stages = []

        @hookimpl
        def on_stage(self, event):
            self.stages.append(event.stage)

    watcher = Watcher()
    session.run(story(), plugins=[watcher])
    assert watcher.stages == ["synopsis", "load", "encode", "sample"]
