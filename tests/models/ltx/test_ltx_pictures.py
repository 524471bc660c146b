"""LTX-Video with a picture before it: against diffusers' own pipeline, called with that picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.ltx.pipeline_ltx_image2video import LTXImageToVideoPipeline
from PIL import Image

from tests.denoised import denoised, scheduler_for
from vstar_sdk.models.diffusers.ltx_tokens import pack
from vstar_sdk.models.ltx.source import LTXOptions, LTXSource
from vstar_sdk.sampling.held import Held

FRAMES, LATENT_FRAMES = 17, 3
ONE, OTHER = "a green landscape in summer", "a snowy winter"
PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def test_it_samples_what_the_pipeline_makes_of_the_picture(tiny_ltx):
    """The picture's latents are drawn first, and then the noise, from one generator.

    The pipeline leaves out a scaling factor at the encoder, which is 1 in all released models.
    """
    adapter: Any = LTXSource(LTXOptions(path=str(tiny_ltx))).load("cpu", "float32")
    pipe: Any = LTXImageToVideoPipeline.from_pretrained(tiny_ltx)
    pipe.scheduler = scheduler_for("flow-euler", adapter.scheduler_config)
    pipe.set_progress_bar_config(disable=True)
    for vae in (pipe.vae, adapter.vae):
        vae.register_to_config(scaling_factor=1.0)
    wanted = pipe(
        image=Image.fromarray(PICTURE),
        prompt=ONE,
        negative_prompt=OTHER,
        height=64,
        width=64,
        num_frames=FRAMES,
        num_inference_steps=4,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(3),
        output_type="latent",
    ).frames
    generator = torch.Generator().manual_seed(3)
    given = adapter.condition({"first": PICTURE}, FRAMES, generator)
    noise = torch.randn(adapter.latent_shape(FRAMES, 64, 64), generator=generator)
    text, negative = adapter.encode([ONE, OTHER])
    held = Held(given.frames, given.clean, torch.zeros_like(given.clean), bare=frozenset(given.frames))
    built = scheduler_for("flow-euler", adapter.scheduler_config)
    text = text.expand(LATENT_FRAMES, -1, -1)
    got = denoised(given.adapter, text, negative, noise, built, steps=4, guidance=3.0, held=held)
    assert torch.equal(pack(got, 1), wanted)
    assert adapter.still == 0


@pytest.mark.slow
def test_a_run_keeps_the_picture_whatever_the_seed_of_its_noise(session, tiny_ltx, tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    spec = {
        "model": {"use": "ltx", "path": str(tiny_ltx)},
        "synopsis": {"states": [ONE]},
        "size": [64, 64],
        "frames": FRAMES,
        "regularizers": [],
        "sampling": {"steps": 2},
        "output": [],
        "start": {"first": str(tmp_path / "a.png")},
    }
    made = session.run(spec)
    plain = session.run(spec | {"start": None})
    assert made.latents.isfinite().all()
    assert not torch.equal(made.latents[:, :, 1:], plain.latents[:, :, 1:])
    assert torch.equal(session.run(spec | {"regularizers": [{"use": "tar", "strength": 0}]}).latents, made.latents)
