"""Motif-Video, loaded: against diffusers' pipelines, with and without a picture, and under attach."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.motif_video.pipeline_motif_video import MotifVideoPipeline
from diffusers.pipelines.motif_video.pipeline_motif_video_image2video import MotifVideoImage2VideoPipeline
from PIL import Image

from tests.denoised import denoised, scheduler_for
from tests.joint_oracle import materialised
from tests.transformer_models import FRAMES, ONE, OTHER, Wants, check_frames, clock, latents, one_text, plan
from vstar_sdk import FrameText, attach
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias
from vstar_sdk.models.motif.text import packed, unpacked

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
SHOWN = {"image": Image.fromarray(PICTURE)}
TAR: dict[str, Any] = {"use": "tar", "sigma": {0: 1}, "stat": "spread", "strength": 4.0, "window": [0.0, 1.0]}
BAND = Bias(lambda d: (-d.square() / 2).exp(), stat="spread", strength=4.0)


def pipeline(adapter: Any, kind: Any = MotifVideoPipeline) -> Any:
    """diffusers' own pipeline of the same parts."""
    parts = {name: getattr(adapter, name) for name in ("text_encoder", "tokenizer", "vae", "feature_extractor")}
    scheduler: Any = scheduler_for("flow-euler", adapter.scheduler_config)
    guider = MotifVideoPipeline.from_pretrained(adapter.directory).guider
    made = kind(**parts, transformer=adapter.denoiser, scheduler=scheduler, guider=guider)
    made.set_progress_bar_config(disable=True)
    return made


def asked(**changes: Any) -> dict[str, Any]:
    own = {"height": 32, "width": 32, "num_frames": FRAMES, "num_inference_steps": 3, "output_type": "latent"}
    return {"prompt": ONE, "negative_prompt": OTHER, **own, **changes}


def sampled(adapter: Any, noise: torch.Tensor) -> torch.Tensor:
    text, negative = adapter.encode([ONE, OTHER])
    built = scheduler_for("flow-euler-even", adapter.scheduler_config)
    told = text.expand(clock(adapter).latents, -1, -1)
    return denoised(adapter, told, negative, noise, built, steps=3, guidance=4.0, guidance_batch="two")


def test_with_one_prompt_it_samples_what_diffusers_pipeline_does(adapter):
    pipe, noise = pipeline(adapter), latents(adapter)
    wanted = pipe(**asked(), latents=noise).frames
    got = sampled(adapter, noise)
    assert (got - wanted).abs().max() < 1e-5
    check_frames(adapter.decode(got), pipe(**asked(output_type="np"), latents=noise).frames[0])


def test_under_attach_it_is_the_pipeline_prompted_with_the_caption_and_tar_is_the_formula(adapter):
    pipe, noise = pipeline(adapter), latents(adapter)
    plain = pipe(**asked(), latents=noise).frames
    with attach(pipe, [], [ONE, ONE]):
        assert torch.equal(pipe(**asked(prompt="a beach"), latents=noise).frames, plain)
    with attach(pipe, [TAR]):
        got = pipe(**asked(), latents=noise).frames
    video = 4 * clock(adapter).latents
    with materialised(BAND, clock(adapter), slice(0, video), video + 512, 2 * video) as added:
        wanted = pipe(**asked(), latents=noise).frames
    assert len(added) == 2 * 3 * 3  # branches, steps, blocks
    assert (got - wanted).abs().max() < 1e-5
    assert (got - plain).abs().max() > 1e-3
    assert torch.equal(pipe(**asked(), latents=noise).frames, plain)


@pytest.mark.slow
def test_what_stands_behind_the_video_attends_as_the_model_has_it(adapter):
    """The text in both kinds of blocks, and the clip's features in the decoder's, under a strong bias; and the video not."""
    names = [site.name for site in adapter.facts.sites]
    seen: dict[str, list[Any]] = {name: [] for name in names}
    hooks = [
        adapter.denoiser.get_submodule(name).register_forward_hook(lambda module, args, out, name=name: seen[name].append(out))
        for name in names
    ]
    text, x, timestep = one_text(adapter), latents(adapter), torch.tensor(700.0)
    try:
        adapter.denoise(x, timestep, text)
        for index in range(len(names)):
            with nurse(adapter.denoiser, plan(adapter, Wants(BAND, blocks=(index, index))), adapter.family) as nursing:
                nursing.at(0, 1)
                adapter.denoise(x, timestep, text)
    finally:
        for hook in hooks:
            hook.remove()
    for index, name in enumerate(names):
        plain, nursed = seen[name][0], seen[name][1 + index]
        assert (nursed[1] - plain[1]).abs().max() < 1e-6
        assert (nursed[0] - plain[0]).abs().max() > 1e-3


@pytest.mark.slow
def test_text_and_mask_are_what_the_pipeline_reads(adapter):
    pipe = pipeline(adapter)
    for prompt in (ONE, ""):
        read, mask = unpacked(adapter.encode([prompt]))
        with torch.no_grad():
            wanted, _, there, _ = pipe.encode_prompt(prompt)
        assert torch.equal(read, wanted)
        assert torch.equal(mask, there)
    text, there = torch.randn(2, 5, 3), torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]])
    back = unpacked(packed(text, there))
    assert torch.equal(back[0], text)
    assert torch.equal(back[1], there.bool())


@pytest.mark.slow
def test_with_a_picture_it_samples_what_the_pipeline_makes_of_it(adapter):
    pipe, noise = pipeline(adapter, MotifVideoImage2VideoPipeline), latents(adapter)
    wanted = pipe(**asked(), **SHOWN, latents=noise, generator=torch.Generator().manual_seed(3)).frames
    given = adapter.condition({"first": PICTURE}, FRAMES, torch.Generator().manual_seed(3))
    assert given.frames == ()
    assert (sampled(given.adapter, noise) - wanted).abs().max() < 1e-5
    other = adapter.condition({"first": 255 - PICTURE}, FRAMES, torch.Generator().manual_seed(3)).adapter
    assert (sampled(other, noise) - wanted).abs().max() > 1e-3
    assert dataclasses.replace(given.adapter, first=None) == adapter


class Only:
    """All frames read one state, and nothing of the others."""

    reads = "states"

    def __init__(self, state: int) -> None:
        self.state = state

    def text(self, synopsis: Any, embeddings: Any, clock: Any) -> FrameText:
        bias = torch.full((clock.latents, len(embeddings)), -torch.inf)
        bias[:, self.state] = 0.0
        return FrameText(embeddings, bias)


@pytest.mark.slow
@pytest.mark.parametrize("state", [0, 1])
def test_beside_a_picture_frames_read_the_states_that_they_are_told(adapter, state):
    pipe, noise = pipeline(adapter, MotifVideoImage2VideoPipeline), latents(adapter)

    def make(prompt: str) -> torch.Tensor:
        call = asked(prompt=prompt, negative_prompt="")
        return pipe(**call, **SHOWN, latents=noise, generator=torch.Generator().manual_seed(3)).frames

    wanted, other = make((ONE, OTHER)[state]), make((OTHER, ONE)[state])
    with attach(pipe, [TAR], [(ONE, OTHER)[state]]):
        nursed = make("a beach")
    with attach(pipe, [], [ONE, OTHER], timeline=Only(state)):
        got = make("a beach")
    little = (wanted - other).abs().max() / 10  # the picture's tokens, which all frames share, read the text of all states
    assert (got - wanted).abs().max() < little
    with attach(pipe, [TAR], [ONE, OTHER], timeline=Only(state)):
        assert (make("a beach") - nursed).abs().max() < little
    assert (nursed - wanted).abs().max() > 1e-3
    assert torch.equal(make((ONE, OTHER)[state]), wanted)


@pytest.mark.slow
def test_a_run_with_a_picture_reads_the_states_too(adapter):
    given = adapter.condition({"first": PICTURE}, FRAMES, torch.Generator().manual_seed(3)).adapter
    both = torch.cat(list(given.encode([ONE, OTHER])))[None, None]
    predicted = given.denoise(latents(given), torch.tensor(700.0), both)
    assert predicted.isfinite().all()
    one = given.denoise(latents(given), torch.tensor(700.0), one_text(given))
    assert (predicted - one).abs().max() > 1e-4
