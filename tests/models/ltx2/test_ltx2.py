"""LTX-2 without its sound: facts, the loaded model against diffusers' network, a run, nursing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.transformers import transformer_ltx2
from diffusers.pipelines.ltx2.pipeline_ltx2 import LTX2Pipeline

from tests.denoised import denoised, gaussian, scheduler_for
from vstar_sdk import ModelError, SpecError
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.models.diffusers.ltx_tokens import pack
from vstar_sdk.models.estimates import Workload
from vstar_sdk.models.ltx2.source import LTX2Options, LTX2Source
from vstar_sdk.regularizers.tar import Tar, TarOptions

PRESETS = Path(__file__).parents[3] / "specs" / "ltx"
FRAMES, LATENT_FRAMES = 17, 3
ONE, OTHER = "a green landscape in summer", "a snowy winter"
TAR: dict[str, Any] = {"use": "tar", "sigma": 1}
both = pytest.mark.parametrize("model", ["tiny_ltx2", "tiny_ltx23"], indirect=True)


@pytest.fixture
def model(request) -> Path:
    return request.getfixturevalue(request.param)


def story(directory, /, **changes) -> dict[str, Any]:
    options = {"use": "ltx2", "path": str(directory), **changes.pop("model", {})}
    told = {"synopsis": {"use": "states", "states": [ONE, OTHER]}, "regularizers": [TAR], "sampling": {"steps": 2}}
    return {"prompt": "a landscape", "size": [64, 64], "frames": 17, **told, "model": options, **changes}


def pipeline(directory, adapter) -> Any:
    pipe: Any = LTX2Pipeline.from_pretrained(directory)
    pipe.scheduler = scheduler_for("flow-euler", adapter.scheduler_config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_the_configuration_files_say_what_the_model_is(tiny_ltx2):
    facts = LTX2Source(LTX2Options(path=str(tiny_ltx2))).facts()
    assert [site.name for site in facts.sites] == ["transformer_blocks.0.attn1", "transformer_blocks.1.attn1"]
    assert {(site.kind, site.heads, site.head_dim) for site in facts.sites} == {("joint", 2, 10)}
    assert (facts.name, facts.rhythm.formula, facts.size_multiple, facts.fps) == ("LTX-2", "1 + 8 k", 32, 24.0)


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        ("transformer/config.json", {"in_channels": 36}, "takes 36 channels, but a token of the latents has 4"),
        ("transformer/config.json", {"patch_size_t": 2}, "joins 2 latent frames in one token"),
        ("transformer/config.json", {"_class_name": "LTXVideoTransformer3DModel"}, "its transformer is a LTXVideo"),
        ("model_index.json", {"text_encoder": ["transformers", "T5EncoderModel"]}, "its text encoder is a T5EncoderModel"),
    ],
)
def test_another_model_of_the_family_is_refused_by_what_it_is(tiny_ltx2, tmp_path, file, changes, reason):
    copied = tmp_path / "model"
    shutil.copytree(tiny_ltx2, copied)
    (copied / file).write_text(json.dumps(json.loads((copied / file).read_text()) | changes))
    with pytest.raises(ModelError, match=reason):
        LTX2Source(LTX2Options(path=str(copied))).facts()


@both
def test_with_one_prompt_it_samples_what_the_pipeline_does_with_video_and_sound_apart(model, monkeypatch):
    """The pipeline itself, whose network is told to keep them apart: text, schedule and guidance are its own."""
    adapter: Any = LTX2Source(LTX2Options(path=str(model))).load("cpu", "float32")
    pipe, noise = pipeline(model, adapter), gaussian(adapter.latent_shape(FRAMES, 64, 64), 0)
    forward = type(pipe.transformer).forward
    monkeypatch.setattr(
        type(pipe.transformer), "forward", lambda self, **given: forward(self, **{**given, "isolate_modalities": True})
    )
    asked: dict[str, Any] = {"prompt": ONE, "negative_prompt": OTHER, "height": 64, "width": 64, "num_frames": FRAMES}
    asked |= {"frame_rate": 24.0, "num_inference_steps": 4, "guidance_scale": 3.0, "guidance_rescale": 0.0, "stg_scale": 0.0}
    asked |= {"modality_scale": 1.0, "audio_stg_scale": 0.0, "audio_modality_scale": 1.0, "latents": pack(noise, 1)}
    latent, pictures = (pipe(**asked, output_type=kind).frames[0] for kind in ("latent", "np"))
    text, negative = adapter.encode([ONE, OTHER])
    built = scheduler_for("flow-euler", adapter.scheduler_config)
    got = denoised(adapter, text.expand(LATENT_FRAMES, -1, -1), negative, noise, built, steps=4, guidance=3.0)
    mean, std = (values.view(1, -1, 1, 1, 1) for values in (adapter.vae.latents_mean, adapter.vae.latents_std))
    assert ((got * std + mean)[0] - latent).abs().max() < 1e-4
    frames = np.stack(list(adapter.decode(got)))
    assert frames.shape == (FRAMES, 64, 64, 3)
    assert np.abs(frames / 255.0 - pictures).max() < 0.5 / 255 + 1e-4


@both
def test_equal_texts_for_all_latent_frames_equal_one_text_whatever_the_sound(model):
    adapter: Any = LTX2Source(LTX2Options(path=str(model))).load("cpu", "float32")
    pipe, x = pipeline(model, adapter), gaussian(adapter.latent_shape(FRAMES, 64, 64), 0)
    embeddings, mask = pipe.encode_prompt(ONE, do_classifier_free_guidance=False)[:2]
    text, sound, there = pipe.connectors(embeddings, mask)
    timestep = torch.tensor([700.0])
    with torch.no_grad():
        wanted = adapter.denoiser(
            pack(x, 1), torch.randn(1, 18, 4), text, sound, timestep, sigma=timestep, encoder_attention_mask=there,
            audio_encoder_attention_mask=there, num_frames=3, height=2, width=2, fps=24.0, audio_num_frames=18,
            isolate_modalities=True, use_cross_timestep=True, return_dict=False,
        )[0]  # fmt: skip
    got = adapter.denoise(x, timestep[0], adapter.encode([ONE])[:, None].expand(-1, LATENT_FRAMES, -1, -1))
    assert (pack(got, 1) - wanted).abs().max() < 1e-6


@both
def test_a_nursed_network_equals_one_whose_attention_is_materialised(model, monkeypatch):
    """With the whole matrix of tokens by tokens in float64."""
    adapter: Any = LTX2Source(LTX2Options(path=str(model))).load("cpu", "float32")
    text = adapter.encode([ONE])[:, None].expand(-1, LATENT_FRAMES, -1, -1)
    x, timestep = gaussian(adapter.latent_shape(FRAMES, 64, 64), 0), torch.tensor(700.0)
    clock = adapter.facts.clock(FRAMES, 24.0)
    tar = Tar(TarOptions(sigma={0: 1}, window=(0.0, 1.0)))
    with nurse(adapter.denoiser, plan_attention(adapter.facts.sites, [tar], clock), adapter.family) as nursing:
        nursing.at(0, 1)
        got = adapter.denoise(x, timestep, text)
    position = torch.tensor(clock.positions, dtype=torch.float64)
    band = (-(position[:, None] - position).square() / 2).exp().repeat_interleave(4, 0).repeat_interleave(4, 1)
    stock: Any = transformer_ltx2.dispatch_attention_fn  # pyright: ignore[reportPrivateImportUsage]

    replaced = 0

    def materialised(query, key, value, **kwargs):
        nonlocal replaced
        if kwargs["attn_mask"] is not None or query.shape[1] != 12 or query.shape[-1] != 10:  # the text, or the sound
            return stock(query, key, value, **kwargs)
        replaced += 1
        q, k, v = (tensor.transpose(1, 2).double() for tensor in (query, key, value))
        logits = q @ k.mT * q.shape[-1] ** -0.5
        return ((logits + logits.amax(-1, keepdim=True) * band).softmax(-1) @ v).transpose(1, 2).to(query)

    plain = adapter.denoise(x, timestep, text)
    monkeypatch.setattr(transformer_ltx2, "dispatch_attention_fn", materialised)
    assert (got - adapter.denoise(x, timestep, text)).abs().max() < 1e-5
    assert replaced == len(adapter.facts.sites)
    assert (got - plain).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"frames": 64}, "LTX-2 cannot make 64 frames", "use 57 or 65"),
        ({"size": [32, 40]}, "width and height must be multiples of 32", "the nearest size is 32 x 32"),
        ({"model": {"compile": True}}, "ltx2 cannot be compiled", ""),
    ],
)
def test_what_the_model_cannot_do_is_an_error(session, tiny_ltx2, changes, message, hint):
    with pytest.raises(SpecError, match=message) as refused:
        session.run(story(tiny_ltx2, **changes))
    assert (refused.value.hint or "").startswith(hint)


def test_a_picture_of_one_latent_is_refused(session, tiny_ltx2):
    with pytest.raises(ModelError, match="cannot decode pictures this small") as refused:
        session.run(story(tiny_ltx2, size=[64, 32]))
    assert refused.value.hint == "use at least 64 x 64 pixels"


@pytest.mark.slow
def test_the_real_size(tiny_ltx2, tmp_path):
    """diffusers' own defaults are the released network's: 48 blocks of 32 heads."""
    shutil.copytree(tiny_ltx2, tmp_path / "m")
    for part in ("transformer", "vae"):
        (tmp_path / "m" / part / "config.json").write_text("{}")
    source = LTX2Source(LTX2Options(path=str(tmp_path / "m")))
    with pytest.raises(ModelError, match=r"has no .num_layers"):
        source.facts()
    real = {"num_layers": 48, "num_attention_heads": 32, "attention_head_dim": 128}
    (tmp_path / "m" / "transformer" / "config.json").write_text(json.dumps(real))
    ratios = {"spatial_compression_ratio": 32, "temporal_compression_ratio": 8}
    (tmp_path / "m" / "vae" / "config.json").write_text(json.dumps(ratios))
    assert source.facts().clock(121, 24.0).latents == 16
    estimate = source.estimate(Workload(frames=121, width=768, height=512, branches=2, dtype="bfloat16"))
    attention = 2 * 4 * (16 * 16 * 24) ** 2 * 4096 * 48
    assert attention < estimate.call_flops
