"""HunyuanVideo 1.5 with a picture before it: against diffusers' own pipeline, called with that picture."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.guiders.classifier_free_guidance import ClassifierFreeGuidance
from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5_image2video import HunyuanVideo15ImageToVideoPipeline
from PIL import Image
from transformers import SiglipImageProcessor, SiglipVisionConfig, SiglipVisionModel

from tests.denoised import denoised, gaussian, scheduler_for
from tests.tiny_hunyuan15 import write_tiny_hunyuan15
from tests.transformer_models import FEW, ONE, OTHER, check_picture_at_strength_0, load

FRAMES, LATENT_FRAMES, SIDE = 9, 3, 64
PICTURE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def adapter(tmp_path_factory) -> Any:
    directory: Path = tmp_path_factory.mktemp("hunyuan-i2v")
    write_tiny_hunyuan15(directory, transformer={"task_type": "i2v"})
    sizes: dict[str, Any] = {"hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1}
    torch.manual_seed(1)
    SiglipVisionModel(SiglipVisionConfig(**sizes, image_size=16, patch_size=8)).save_pretrained(directory / "image_encoder")
    SiglipImageProcessor(size={"height": 16, "width": 16}).save_pretrained(directory / "feature_extractor")
    index = json.loads((directory / "model_index.json").read_text())
    index |= {"image_encoder": ["transformers", "SiglipVisionModel"], "_class_name": "HunyuanVideo15ImageToVideoPipeline"}
    (directory / "model_index.json").write_text(json.dumps(index))
    return load("hunyuan15_dir", directory)


def test_it_is_known_by_its_configuration(adapter):
    facts = adapter.facts
    assert (facts.name, facts.trained, facts.needs) == ("HunyuanVideo 1.5 I2V", ("first",), ("first",))


def test_it_samples_what_the_pipeline_makes_of_the_picture(adapter):
    parts = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "vae", "feature_extractor")
    pipe: Any = HunyuanVideo15ImageToVideoPipeline(
        **{name: getattr(adapter, name) for name in parts},
        image_encoder=adapter.eyes,
        transformer=adapter.denoiser,
        scheduler=scheduler_for("flow-euler", adapter.scheduler_config),  # pyright: ignore[reportArgumentType]
        guider=ClassifierFreeGuidance.from_pretrained(adapter.directory, subfolder="guider"),
    )
    pipe.set_progress_bar_config(disable=True)
    pipe.tokenizer_max_length, pipe.tokenizer_2_max_length, pipe.vision_num_semantic_tokens = FEW.prompt, FEW.glyphs, FEW.picture
    noise = gaussian(adapter.latent_shape(FRAMES, SIDE, SIDE), 0)
    asked = {"prompt": ONE, "negative_prompt": OTHER, "num_frames": FRAMES, "num_inference_steps": 3, "output_type": "latent"}
    wanted = pipe(image=Image.fromarray(PICTURE), latents=noise, **asked).frames
    given = adapter.condition({"first": PICTURE}, FRAMES, torch.Generator())
    assert given.frames == ()
    text, negative = adapter.encode([ONE, OTHER])
    built, text = scheduler_for("flow-euler-even", adapter.scheduler_config), text.expand(LATENT_FRAMES, -1, -1)
    got = denoised(given.adapter, text, negative, noise, built, steps=3, guidance=4.0, guidance_batch="two")
    assert (got - wanted).abs().max() < 1e-5
    other = adapter.condition({"first": 255 - PICTURE}, FRAMES, torch.Generator()).adapter
    built = scheduler_for("flow-euler-even", adapter.scheduler_config)
    changed = denoised(other, text, negative, noise, built, steps=3, guidance=4.0, guidance_batch="two")
    assert (changed - wanted).abs().max() > 1e-3
    assert dataclasses.replace(given.adapter, first=None) == adapter


def test_strength_0_changes_no_bit_of_a_run_with_a_picture(adapter, session, tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    check_picture_at_strength_0(session, "hunyuan15", adapter.directory, tmp_path / "a.png")
