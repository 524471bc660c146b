"""The sampling loop: guidance, seeds, windows, cancel, and latents that stop being finite."""

from typing import Any

import pytest
import torch
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import TextToVideoSDPipeline

from tests.denoised import denoised, gaussian, scheduler_for
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SamplerError, SpecError
from vstar_sdk.regularizers.tar import Tar, TarOptions
from vstar_sdk.sampling.noise import step_noise
from vstar_sdk.sampling.schedulers import timesteps_of
from vstar_sdk.sampling.single import Single


@pytest.fixture
def run(tiny_adapter):
    """Sample 8 frames between two captions in 4 steps."""

    def sampled(scheduler="ddim", seed=7, steps=4, guidance=3.0, adapter=tiny_adapter, **options):
        first, last, negative = tiny_adapter.encode(["a green landscape", "a snowy landscape", ""])
        blend = torch.linspace(0, 1, 8)[:, None, None]
        text = (1 - blend) * first + blend * last
        noise = gaussian(tiny_adapter.latent_shape(8, 16, 16), seed)
        built = scheduler_for(scheduler, tiny_adapter.scheduler_config)
        options.setdefault("generator", step_noise(seed))
        return denoised(adapter, text, negative, noise, built, steps=steps, guidance=guidance, **options)

    return sampled


class Recording:
    """An adapter that notes its calls."""

    def __init__(self, adapter, spoil_at=None):
        self._adapter, self._spoil_at = adapter, spoil_at
        self.calls = []

    def denoise(self, latents, timestep, text):
        self.calls.append((len(latents), len(text), float(timestep)))
        predicted = self._adapter.denoise(latents, timestep, text)
        return predicted * float("nan") if len(self.calls) - 1 == self._spoil_at else predicted


def test_the_same_seed_gives_the_same_latents_and_another_seed_others(run):
    first = run(eta=1.0)
    assert first.shape == (1, 4, 8, 4, 4)
    assert torch.equal(run(eta=1.0), first)
    assert not torch.allclose(run(eta=1.0, seed=8), first)


@pytest.mark.parametrize("scheduler", ["ddim", "euler", "dpm++"])
def test_with_one_caption_it_is_the_loop_of_diffusers(scheduler, tiny_adapter, tiny_source):
    """Its own pipeline, given the same noise, text and scheduler, makes the same latents."""
    built: Any = scheduler_for(scheduler, tiny_adapter.scheduler_config)
    pipe: Any = TextToVideoSDPipeline.from_pretrained(tiny_source.directory)
    if scheduler != "ddim":  # which is the pipeline's own
        pipe.scheduler = built
    pipe.set_progress_bar_config(disable=True)
    noise = gaussian(tiny_adapter.latent_shape(8, 16, 16), 7)
    text, negative = tiny_adapter.encode(["a green landscape", "a red ball"])
    given: Any = {"prompt_embeds": text[None], "negative_prompt_embeds": negative[None], "output_type": "latent"}
    expected = pipe(num_frames=8, num_inference_steps=4, guidance_scale=3.0, latents=noise, **given).frames
    found = denoised(tiny_adapter, text.expand(8, -1, -1), negative, noise, built, steps=4, guidance=3.0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_guidance_in_one_batch_or_two_is_the_same_but_for_rounding(run, tiny_adapter):
    one, two = Recording(tiny_adapter), Recording(tiny_adapter)
    together = run(adapter=one)
    apart = run(adapter=two, guidance_batch="two")
    torch.testing.assert_close(together, apart, atol=1e-4, rtol=1e-4)
    assert [call[0] for call in one.calls] == [2] * 4
    assert [call[0] for call in two.calls] == [1] * 8


def test_guidance_1_asks_for_no_negative_branch(run, tiny_adapter):
    recording = Recording(tiny_adapter)
    run(adapter=recording, guidance=1.0)
    assert [call[:2] for call in recording.calls] == [(1, 1)] * 4


def test_guidance_moves_away_from_the_negative_prompt(run, tiny_adapter):
    """One DDIM step is linear in the prediction, so guidance 3 lies where the formula puts it."""
    plain, negative = run(steps=1, guidance=1.0), run(steps=1, guidance=0.0)
    torch.testing.assert_close(run(steps=1, guidance=3.0), negative + 3.0 * (plain - negative), atol=1e-4, rtol=1e-4)


def test_every_step_is_reported_after_it_is_done(run):
    seen = []
    final = run(on_step=lambda step, steps, timestep, latents: seen.append((step, steps, timestep, latents)))
    assert [entry[:3] for entry in seen] == [(1, 4, 999.0), (2, 4, 749.0), (3, 4, 499.0), (4, 4, 249.0)]
    assert seen[-1][3] is final


def test_a_callback_that_raises_ends_the_sampling_and_the_nursing(run, tiny_adapter, tiny_source):
    class Cancelled(Exception):
        pass

    def cancel(step, steps, timestep, latents):
        if step == 2:
            raise Cancelled

    before = dict(tiny_adapter.denoiser.attn_processors)
    recording = Recording(tiny_adapter)
    plan = plan_attention(tiny_source.facts().sites, [Tar(TarOptions())], Clock(8, 8.0), 4)
    with pytest.raises(Cancelled), nurse(tiny_adapter.denoiser, plan, tiny_adapter.family) as nursing:
        run(adapter=recording, nursing=nursing, on_step=cancel)
    assert len(recording.calls) == 2
    assert tiny_adapter.denoiser.attn_processors == before


def test_latents_that_stop_being_finite_end_the_run_and_name_the_step(run, tiny_adapter):
    with pytest.raises(SamplerError, match=r"step 3 of 4 \(timestep 499\): the latents are not finite"):
        run(adapter=Recording(tiny_adapter, spoil_at=2))


@pytest.mark.parametrize(("batch", "calls"), [("one", [(False, True)]), ("two", [(False,), (True,)])])
def test_the_nursing_is_told_of_every_step_and_call(run, tiny_adapter, batch, calls):
    told = []

    class Told:
        def begin(self, index):
            told.append(("begin", index))

        def at(self, step, steps, timestep):
            told.append((step, steps, timestep))

        def call(self, branches, height, width, names):
            told.append((branches, height, width))
            assert names == ()  # no branch is nursed in another way

    run(nursing=Told(), guidance_batch=batch)
    timesteps = [float(one) for one in timesteps_of(scheduler_for("ddim", tiny_adapter.scheduler_config), 4, "cpu")]
    inside = [(branches, 4, 4) for branches in calls]
    assert told.pop(0) == ("begin", 0)
    assert told == [item for step in range(4) for item in [(step, 4, timesteps[step]), *inside]]


def test_tar_changes_the_video_and_strength_0_does_not(run, tiny_adapter, tiny_source):
    def nursed(strength):
        plan = plan_attention(tiny_source.facts().sites, [Tar(TarOptions(sigma={0: 1}, strength=strength))], Clock(8, 8.0), 4)
        with nurse(tiny_adapter.denoiser, plan, tiny_adapter.family) as nursing:
            return run(nursing=nursing)

    plain = run()
    assert torch.equal(nursed(0.0), plain)
    assert (nursed(1.0) - plain).abs().max() > 1e-3


def test_eta_is_refused_where_a_scheduler_has_none(run):
    with pytest.raises(SpecError, match="EulerDiscreteScheduler has no eta") as refused:
        run(scheduler="euler", eta=1.0)
    assert refused.value.path == ("eta",)


def test_eta_is_at_most_1(run):
    with pytest.raises(SpecError, match=r"eta 1\.5"):
        run(eta=1.5)


class Alone(Single):
    """One step, from a prediction that it changed."""

    def __init__(self, change):
        self.change = change

    def steps(self, schedule):
        return 1

    def sample(self, denoising):
        latents, first = denoising.begin(denoising.noise)
        return denoising.step(latents, first, self.change(denoising.predict(latents, first)))


def test_a_prediction_that_the_sampler_made_counts(run):
    assert torch.equal(run(sampler=Alone(lambda prediction: prediction.clone())), run(until=1))
    assert not torch.equal(run(sampler=Alone(torch.zeros_like)), run(until=1))


@pytest.mark.parametrize(
    ("change", "came"),
    [
        (lambda prediction: prediction[:, :, :4], r"\(1, 4, 4, 4, 4\) torch.float32 on cpu"),
        (lambda prediction: prediction[0], r"\(4, 8, 4, 4\) torch.float32 on cpu"),
        (lambda prediction: prediction.double(), r"\(1, 4, 8, 4, 4\) torch.float64 on cpu"),
        (lambda prediction: prediction.to("meta"), r"\(1, 4, 8, 4, 4\) torch.float32 on meta"),
    ],
    ids=["frames", "dimensions", "type", "device"],
)
def test_a_prediction_of_another_shape_type_or_device_is_refused(run, change, came):
    with pytest.raises(ValueError, match=rf"the sampler's prediction: {came} instead of \(1, 4, 8, 4, 4\) torch.float32 on cpu"):
        run(sampler=Alone(change))


def test_a_step_before_the_beginning_is_refused(run):
    class Early(Single):
        def sample(self, denoising):
            return denoising.step(denoising.noise, 0)

    with pytest.raises(ValueError, match=r"step before begin\(\), which gives the latents that the schedule begins with"):
        run(sampler=Early())
