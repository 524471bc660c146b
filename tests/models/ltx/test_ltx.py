"""LTX-Video: facts, the loaded model against diffusers' pipeline, a text for every latent frame, nursing."""

from __future__ import annotations

import json
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.ltx.pipeline_ltx import LTXPipeline

from tests.denoised import denoised, gaussian, scheduler_for
from tests.tiny_ltx import DENOISING_VAE, write_tiny_ltx
from tests.transformer_models import T5_XXL
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.ltx_tokens import pack, unpack
from vstar_sdk.models.estimates import Workload
from vstar_sdk.models.ltx.source import LTXOptions, LTXSource
from vstar_sdk.options import RegularizerOptions

FRAMES, LATENT_FRAMES = 17, 3
ONE, OTHER = "a green landscape in summer", "a snowy winter"


@pytest.fixture(scope="module")
def adapter(tiny_ltx) -> Any:
    return LTXSource(LTXOptions(path=str(tiny_ltx))).load("cpu", "float32")


def latents(adapter, seed=0):
    return gaussian(adapter.latent_shape(FRAMES, 64, 64), seed)


def pipeline(directory, adapter) -> Any:
    pipe: Any = LTXPipeline.from_pretrained(directory)
    pipe.scheduler = scheduler_for("flow-euler", adapter.scheduler_config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


class Wants:
    """A regularizer with operations that a test gives."""

    def __init__(self, *operations):
        self.options, self._operations = RegularizerOptions(), operations

    def operations(self, site):
        del site
        return self._operations


def plan(adapter, *regularizers, frames=FRAMES):
    return plan_attention(adapter.facts.sites, regularizers, adapter.facts.clock(frames, 25.0))


def test_the_configuration_files_say_what_the_model_is(tiny_ltx):
    facts = LTXSource(LTXOptions(path=str(tiny_ltx), frame_rate=24.0)).facts()
    assert [site.name for site in facts.sites] == ["transformer_blocks.0.attn1", "transformer_blocks.1.attn1"]
    assert {(site.kind, site.block, site.level, site.heads, site.head_dim) for site in facts.sites} == {
        ("joint", "stack", 0, 2, 10)
    }
    assert (facts.name, facts.rhythm.formula, facts.size_multiple, facts.fps) == ("LTX-Video", "1 + 8 k", 32, 24.0)


@pytest.mark.parametrize(
    ("file", "changes", "reason"),
    [
        ("transformer/config.json", {"in_channels": 36}, "takes 36 channels, but a token of the latents has 4"),
        ("transformer/config.json", {"patch_size_t": 2}, "joins 2 latent frames in one token"),
        ("transformer/config.json", {"_class_name": "LTX2VideoTransformer3DModel"}, "its transformer is a LTX2Video"),
        ("vae/config.json", {"_class_name": "AutoencoderKLWan"}, "its vae is a AutoencoderKLWan"),
    ],
)
def test_another_model_of_the_family_is_refused_by_what_it_is(tiny_ltx, tmp_path, file, changes, reason):
    copied = tmp_path / "model"
    shutil.copytree(tiny_ltx, copied)
    (copied / file).write_text(json.dumps(json.loads((copied / file).read_text()) | changes))
    with pytest.raises(ModelError, match=reason):
        LTXSource(LTXOptions(path=str(copied))).facts()


@pytest.mark.parametrize("patch", [1, 2])
def test_tokens_are_packed_as_the_pipeline_does(patch):
    x = torch.randn(2, 4, 3, 4, 6)
    assert torch.equal(pack(x, patch), LTXPipeline._pack_latents(x, patch, 1))
    assert torch.equal(unpack(pack(x, patch), patch, 3, 4, 6), x)


def test_with_one_prompt_it_samples_and_decodes_what_diffusers_pipeline_does(tiny_ltx, adapter):
    """The latents bit for bit, the schedule that grows with the clip included."""
    pipe, noise = pipeline(tiny_ltx, adapter), latents(adapter)
    asked = {"prompt": ONE, "negative_prompt": OTHER, "height": 64, "width": 64, "num_frames": FRAMES, "guidance_scale": 3.0}
    asked |= {"num_inference_steps": 4, "latents": pack(noise, 1)}
    wanted = pipe(**asked, output_type="latent").frames
    text, negative = adapter.encode([ONE, OTHER])
    built = scheduler_for("flow-euler", adapter.scheduler_config)
    got = denoised(adapter, text.expand(LATENT_FRAMES, -1, -1), negative, noise, built, steps=4, guidance=3.0)
    assert torch.equal(pack(got, 1), wanted)
    pictures = pipe(**asked, output_type="np").frames[0]
    frames = np.stack(list(adapter.decode(got)))
    assert frames.shape == (FRAMES, 64, 64, 3)
    assert np.abs(frames / 255.0 - pictures).max() < 0.5 / 255 + 1e-4


def test_a_decoder_that_takes_away_noise_is_told_and_given_some(tmp_path):
    write_tiny_ltx(tmp_path, vae=DENOISING_VAE | {"decoder_inject_noise": (False,) * 4})
    adapter: Any = LTXSource(LTXOptions(path=str(tmp_path))).load("cpu", "float32")
    pipe, noise = pipeline(tmp_path, adapter), latents(adapter)
    asked = {"prompt": ONE, "height": 64, "width": 64, "num_frames": FRAMES, "guidance_scale": 1.0, "num_inference_steps": 2}
    asked |= {"latents": pack(noise, 1)}
    final = unpack(pipe(**asked, output_type="latent").frames, 1, LATENT_FRAMES, 2, 2)
    seeded = torch.Generator().manual_seed(0)
    pictures = pipe(**asked, output_type="np", generator=seeded, decode_timestep=0.05, decode_noise_scale=0.025).frames[0]
    assert np.abs(np.stack(list(adapter.decode(final))) / 255.0 - pictures).max() < 0.5 / 255 + 1e-4
    quiet: Any = LTXSource(LTXOptions(path=str(tmp_path), decode_noise=0.0)).load("cpu", "float32")
    assert not np.array_equal(np.stack(list(quiet.decode(final))), np.stack(list(adapter.decode(final))))


def test_equal_texts_for_all_latent_frames_equal_one_text(adapter):
    network, x, timestep = adapter.denoiser, latents(adapter).expand(2, -1, -1, -1, -1), torch.tensor(700.0)
    read = adapter.tokenizer([OTHER, ONE], padding="max_length", max_length=128, return_tensors="pt")
    with torch.no_grad():
        text = adapter.text_encoder(read["input_ids"])[0]
        wanted = network(
            pack(x, 1), text, timestep.expand(2), read["attention_mask"].bool(), 3, 2, 2, (8 / 25, 32, 32), return_dict=False
        )[0]
    got = adapter.denoise(x, timestep, adapter.encode([OTHER, ONE])[:, None].expand(-1, LATENT_FRAMES, -1, -1))
    assert torch.equal(pack(got, 1), wanted)


def test_every_latent_frame_reads_its_own_text(adapter):
    one, other = adapter.encode([ONE, OTHER])
    seen: list[torch.Tensor] = []
    hook = adapter.denoiser.transformer_blocks[0].attn2.register_forward_hook(lambda _, args, out: seen.append(out.detach()))
    texts = torch.stack([one, one, other])
    try:
        for text in (texts, one.expand_as(texts), other.expand_as(texts)):
            adapter.denoise(latents(adapter), torch.tensor(500.0), text[None])
    finally:
        hook.remove()
    mixed, only_one, only_other = seen
    assert torch.equal(mixed[:2], only_one[:2])
    assert torch.equal(mixed[2:], only_other[2:])
    assert not torch.allclose(only_one, only_other)


def test_frames_a_second_change_the_positions(tiny_ltx, adapter):
    slow: Any = LTXSource(LTXOptions(path=str(tiny_ltx), frame_rate=12.5)).load("cpu", "float32")
    text = adapter.encode([ONE])[:, None].expand(-1, LATENT_FRAMES, -1, -1)
    one, other = (model.denoise(latents(adapter), torch.tensor(500.0), text) for model in (adapter, slow))
    assert not torch.allclose(one, other, atol=1e-4)


REAL = {
    "transformer": {"num_layers": 28, "num_attention_heads": 32, "attention_head_dim": 64, "caption_channels": 4096},
    "text_encoder": T5_XXL,
    "vae": {},
}


@pytest.mark.slow
def test_the_real_configuration(tiny_ltx, tmp_path):
    """LTX-Video 0.9: sites, size of the clip and an estimate of its cost, without weights."""
    for component, config in REAL.items():
        (tmp_path / component).mkdir()
        (tmp_path / component / "config.json").write_text(json.dumps(config))
    shutil.copytree(tiny_ltx / "scheduler", tmp_path / "scheduler")
    source = LTXSource(LTXOptions(path=str(tmp_path)))
    facts = source.facts()
    facts.check(161, 704, 512)
    assert (len(facts.sites), facts.clock(161, 25.0).latents, facts.max_frames) == (28, 21, None)
    estimate = source.estimate(Workload(frames=161, width=704, height=512, branches=2, dtype="bfloat16"))
    assert 1.8e9 < estimate.weights["denoiser"] / 2 < 2.0e9
    attention = 2 * 4 * (21 * 16 * 22) ** 2 * 2048 * 28
    assert attention < estimate.call_flops < 4 * attention
    assert 2**28 < estimate.decode_bytes < 4 * 2**30
