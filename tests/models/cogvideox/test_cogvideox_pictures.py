"""CogVideoX with a picture before it: against diffusers' own pipeline, called with that picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.cogvideo.pipeline_cogvideox_image2video import CogVideoXImageToVideoPipeline
from PIL import Image

from tests.denoised import denoised, gaussian, scheduler_for
from tests.tiny_cogvideox import write_tiny_cogvideox
from tests.transformer_models import FRAMES, ONE, OTHER, check_picture_at_strength_0, load
from vstar_sdk.errors import SpecError

SIDE, LATENT_FRAMES = 32, 5
PICTURE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["rotary", "learned"])
def adapter(request, tmp_path_factory) -> Any:
    directory = tmp_path_factory.mktemp("cogvideox-i2v")
    learned = {"use_learned_positional_embeddings": request.param == "learned"}
    write_tiny_cogvideox(directory, rotary=True, transformer={"in_channels": 8, **learned})
    return load("cogvideox_5b", directory)


def test_it_is_known_by_its_configuration(adapter):
    facts = adapter.facts
    assert (facts.name, facts.trained, facts.needs) == ("CogVideoX 5B I2V", ("first",), ("first",))
    learned = adapter.denoiser.config.use_learned_positional_embeddings
    assert (facts.fixed_size, not facts.text_sites) == (learned, learned)
    if learned:
        with pytest.raises(SpecError, match="cannot make pictures of 64 x 32: its positions were learned for one size"):
            facts.check(17, 64, 32)


@pytest.mark.parametrize("inverted", [False, True])
def test_it_samples_what_the_pipeline_makes_of_the_picture(adapter, inverted):
    adapter.vae.register_to_config(invert_scale_latents=inverted)
    pipe: Any = CogVideoXImageToVideoPipeline(
        tokenizer=adapter.tokenizer,
        text_encoder=adapter.text_encoder,
        vae=adapter.vae,
        transformer=adapter.denoiser,
        scheduler=scheduler_for("CogVideoXDDIMScheduler", adapter.scheduler_config),  # pyright: ignore[reportArgumentType]
    )
    pipe.set_progress_bar_config(disable=True)
    noise = gaussian(adapter.latent_shape(FRAMES, SIDE, SIDE), 0)
    wanted = pipe(
        image=Image.fromarray(PICTURE),
        prompt=ONE,
        negative_prompt=OTHER,
        height=SIDE,
        width=SIDE,
        num_frames=FRAMES,
        num_inference_steps=4,
        guidance_scale=4.0,
        latents=noise.transpose(1, 2),
        generator=torch.Generator().manual_seed(3),
        output_type="latent",
    ).frames
    given = adapter.condition({"first": PICTURE}, FRAMES, torch.Generator().manual_seed(3))
    text, negative = adapter.encode([ONE, OTHER])
    text = text.expand(LATENT_FRAMES, -1, -1)
    got = denoised(
        given.adapter, text, negative, noise, scheduler_for("cogvideox-ddim", adapter.scheduler_config), steps=4, guidance=4.0
    )
    assert (got.transpose(1, 2) - wanted).abs().max() < 1e-5
    assert adapter.beside is None


def test_strength_0_changes_no_bit_of_a_run_with_a_picture(adapter, session, tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    check_picture_at_strength_0(session, "cogvideox", adapter.directory, tmp_path / "a.png", SIDE)
