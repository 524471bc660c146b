"""LTX-2 with a picture before it: against diffusers' own pipeline, called with that picture, video and sound apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.ltx2.pipeline_ltx2_image2video import LTX2ImageToVideoPipeline
from PIL import Image

from tests.denoised import denoised, scheduler_for
from tests.transformer_models import check_picture_at_strength_0
from vstar_sdk.models.ltx2.source import LTX2Options, LTX2Source
from vstar_sdk.sampling.held import Held

FRAMES, LATENT_FRAMES = 17, 3
ONE, OTHER = "a green landscape in summer", "a snowy winter"
PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tiny_ltx2", "tiny_ltx23"], indirect=True)
def test_it_samples_what_the_pipeline_makes_of_the_picture(model, monkeypatch):
    """Its compression included; the pipeline's network is told to keep video and sound apart."""
    adapter: Any = LTX2Source(LTX2Options(path=str(model))).load("cpu", "float32")
    pipe: Any = LTX2ImageToVideoPipeline.from_pretrained(model)
    pipe.scheduler = scheduler_for("flow-euler", adapter.scheduler_config)
    pipe.set_progress_bar_config(disable=True)
    forward = type(pipe.transformer).forward
    monkeypatch.setattr(
        type(pipe.transformer), "forward", lambda self, **given: forward(self, **{**given, "isolate_modalities": True})
    )
    asked: dict[str, Any] = {"prompt": ONE, "negative_prompt": OTHER, "height": 64, "width": 64, "num_frames": FRAMES}
    asked |= {"frame_rate": 24.0, "num_inference_steps": 4, "guidance_scale": 3.0, "guidance_rescale": 0.0, "stg_scale": 0.0}
    asked |= {"modality_scale": 1.0, "audio_stg_scale": 0.0, "audio_modality_scale": 1.0}
    asked |= {"image": Image.fromarray(PICTURE), "generator": torch.Generator().manual_seed(3)}
    wanted = pipe(**asked, output_type="latent").frames[0]
    generator = torch.Generator().manual_seed(3)
    given = adapter.condition({"first": PICTURE}, FRAMES, generator)
    noise = torch.randn(adapter.latent_shape(FRAMES, 64, 64), generator=generator)
    text, negative = adapter.encode([ONE, OTHER])
    held = Held(given.frames, given.clean, torch.zeros_like(given.clean), bare=frozenset(given.frames))
    built, text = scheduler_for("flow-euler", adapter.scheduler_config), text.expand(LATENT_FRAMES, -1, -1)
    got = denoised(given.adapter, text, negative, noise, built, steps=4, guidance=3.0, held=held)
    mean, std = (values.view(1, -1, 1, 1, 1) for values in (adapter.vae.latents_mean, adapter.vae.latents_std))
    assert ((got * std + mean)[0] - wanted).abs().max() < 1e-4


@pytest.mark.slow
def test_strength_0_changes_no_bit_of_a_run_with_a_picture(session, tiny_ltx2, tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    check_picture_at_strength_0(session, "ltx2", tiny_ltx2, tmp_path / "a.png")
