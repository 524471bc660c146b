"""When attach acts: by the timestep of a call, whatever way the pipeline goes through its schedule."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from diffusers.pipelines.animatediff.pipeline_animatediff_video2video import AnimateDiffVideoToVideoPipeline
from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler
from PIL import Image

from tests.attaching.conftest import SUMMER, TAR, make, traces
from vstar_sdk import attach
from vstar_sdk.errors import SamplerError


def test_tar_acts_inside_its_window_only(pipe):
    """Of 4 steps a window that holds only the last leaves the first three as they were."""
    states: dict[str, list[torch.Tensor]] = {"plain": [], "nursed": []}

    def watch(name: str) -> dict[str, Any]:
        pipe.unet.register_forward_pre_hook(
            lambda _, args, kwargs: states[name].append((args[0] if args else kwargs["sample"]).clone()), with_kwargs=True
        )
        return {}

    watch("plain")
    plain = make(pipe)
    pipe.unet._forward_pre_hooks.clear()
    watch("nursed")
    with attach(pipe, [{**TAR, "window": [0.75, 1.0]}]):
        nursed = make(pipe)
    for before, after in zip(states["plain"], states["nursed"], strict=True):
        assert torch.equal(before, after)
    assert not torch.allclose(nursed, plain, atol=1e-4)


def test_the_moment_is_read_from_the_timestep_not_counted(pipe):
    """A call out of turn, and one that repeats a timestep, are nursed by what their timestep says."""
    frames = make(pipe)
    plan: dict[float, bool] = {}
    latents, text = frames.new_zeros(1, 4, 8, 4, 4), torch.zeros(1, 12, 16)
    if type(pipe).__name__ == "AnimateDiffPipeline":
        text = text.expand(8, -1, -1)
    latents = torch.randn(latents.shape, generator=torch.Generator().manual_seed(2))
    pipe.scheduler.set_timesteps(4)
    timesteps = [float(t) for t in pipe.scheduler.timesteps]

    def denoise(timestep: float) -> torch.Tensor:
        with torch.no_grad():
            return pipe.unet(latents, torch.tensor(timestep), encoder_hidden_states=text).sample

    plain = {timestep: denoise(timestep) for timestep in timesteps}
    with attach(pipe, [{**TAR, "window": [0.0, 0.5]}]):
        for timestep in [*reversed(timesteps), timesteps[0], timesteps[0]]:
            plan[timestep] = not torch.equal(denoise(timestep), plain[timestep])
    assert [plan[timestep] for timestep in timesteps] == [True, True, False, False]


def test_a_schedule_that_names_a_timestep_twice_goes_by_the_timestep(animatediff):
    animatediff.scheduler = HeunDiscreteScheduler.from_config(animatediff.scheduler.config, prediction_type="epsilon")
    plain = make(animatediff)
    with attach(animatediff, [{**TAR, "strength": 0.0}]):
        assert torch.equal(make(animatediff), plain)
    with attach(animatediff, [TAR]):
        assert not torch.allclose(make(animatediff), plain, atol=1e-4)


def test_a_pipeline_that_begins_in_the_middle_of_the_schedule(animatediff):
    """From half-way on, a window over the first half has passed already."""
    parts = {
        name: animatediff.components[name] for name in ("vae", "text_encoder", "tokenizer", "unet", "motion_adapter", "scheduler")
    }
    again = AnimateDiffVideoToVideoPipeline(**parts)
    again.set_progress_bar_config(disable=True)
    video = [Image.new("RGB", (16, 16), (30 * frame, 0, 200)) for frame in range(8)]
    remade = partial(make, again, num_frames=None, video=video, strength=0.5)
    with attach(again, [{**TAR, "window": [0.0, 0.5]}]):
        before = remade()
    with attach(again, [{**TAR, "window": [0.5, 1.0]}]):
        after = remade()
    assert torch.equal(before, remade())
    assert not torch.allclose(after, before, atol=1e-4)


def test_free_init_goes_through_the_schedule_more_than_once(animatediff):
    animatediff.enable_free_init(num_iters=2, use_fast_sampling=True)
    plain = make(animatediff)
    with attach(animatediff, [TAR], [SUMMER]):
        assert not torch.allclose(make(animatediff), plain, atol=1e-4)
    with attach(animatediff, [{**TAR, "strength": 0}], [SUMMER]):
        assert torch.equal(make(animatediff), plain)


def test_a_timestep_that_the_scheduler_does_not_have_is_refused(unet3d):
    unet3d.scheduler.set_timesteps(4)
    call = (torch.zeros(1, 4, 8, 4, 4), torch.tensor(17.0), torch.zeros(1, 12, 16))
    with attach(unet3d, [TAR]), pytest.raises(SamplerError, match=r"at timestep 17, which DDIMScheduler does not have"):
        unet3d.unet(*call)
    assert traces(unet3d) == []
