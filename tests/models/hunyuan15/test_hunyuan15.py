"""HunyuanVideo 1.5: facts, the loaded model against diffusers' pipeline, TAR against the formula, decoding in bounded memory."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.autoencoder_kl_hunyuanvideo15 import AutoencoderKLHunyuanVideo15
from diffusers.models.transformers.transformer_hunyuan_video15 import (
    HunyuanVideo15AttnProcessor2_0,
    HunyuanVideo15Transformer3DModel,
    HunyuanVideo15TransformerBlock,
)
from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5 import HunyuanVideo15Pipeline

from tests.denoised import denoised, gaussian, scheduler_for
from tests.joint_oracle import materialised
from tests.tiny_hunyuan15 import VAE
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Bias
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.errors import ModelError, SamplerError, SpecError
from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.estimates import Workload
from vstar_sdk.models.hunyuan15.decoding import decode_causally
from vstar_sdk.models.hunyuan15.family import HUNYUAN15
from vstar_sdk.models.hunyuan15.source import Hunyuan15Options, hunyuan15, widescreen
from vstar_sdk.models.hunyuan15.text import Lengths, Text, unpacked
from vstar_sdk.options import RegularizerOptions
from vstar_sdk.regularizers.tar import Tar, TarOptions

FRAMES, LATENT_FRAMES = 17, 5
FEW = Lengths(prompt=48, glyphs=24, picture=4)
"""Tokens that make the tests quick; those of the real model are in test_hunyuan15_runs.py."""
VIDEO, TOKENS = LATENT_FRAMES * 4, LATENT_FRAMES * 4 + 48 + 24 + 4
ONE, OTHER = "a green landscape in summer", 'winter, "snow" and "ice" on a sign'


@pytest.fixture(scope="module")
def adapter(hunyuan15_dir) -> Any:
    loaded = hunyuan15(Hunyuan15Options(path=str(hunyuan15_dir))).load("cpu", "float32")
    return dataclasses.replace(loaded, lengths=FEW)


@pytest.fixture(scope="module")
def pipe(adapter) -> Any:
    """diffusers' own pipeline of the same parts."""
    parts = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "vae")
    made: Any = HunyuanVideo15Pipeline(
        **{name: getattr(adapter, name) for name in parts},
        transformer=adapter.denoiser,
        scheduler=scheduler_for("flow-euler", adapter.scheduler_config),  # pyright: ignore[reportArgumentType]
        guider=HunyuanVideo15Pipeline.from_pretrained(adapter.directory).guider,
    )
    made.set_progress_bar_config(disable=True)
    made.tokenizer_max_length, made.tokenizer_2_max_length, made.vision_num_semantic_tokens = 48, 24, 4
    return made


def latents(adapter, seed=0):
    return gaussian(adapter.latent_shape(FRAMES, 32, 32), seed)


def one_text(adapter, *prompts):
    return adapter.encode(prompts or [ONE])[:, None].expand(-1, LATENT_FRAMES, -1, -1)


class Wants:
    """A regularizer with operations that a test gives."""

    def __init__(self, *operations):
        self.options, self._operations = RegularizerOptions(), operations

    def operations(self, site):
        del site
        return self._operations


def plan(adapter, *regularizers, frames=FRAMES):
    return plan_attention(adapter.facts.sites, regularizers, adapter.facts.clock(frames, 24.0))


def test_the_configuration_files_say_what_the_model_is(adapter):
    facts = adapter.facts
    assert [site.name for site in facts.sites] == ["transformer_blocks.0.attn", "transformer_blocks.1.attn"]
    assert {(site.kind, site.block, site.level, site.heads, site.head_dim) for site in facts.sites} == {
        ("joint", "stack", 0, 2, 16)
    }
    assert (facts.rhythm.formula, facts.one_text, facts.size_multiple, facts.guidance) == ("1 + 4 k", True, 16, 4.0)
    assert (facts.width, facts.height) == (80, 48)


@pytest.mark.parametrize("target", [640, 960])
def test_its_own_size_is_the_pipelines(pipe, target):
    width, height = widescreen(target, 16)
    assert (height, width) == pipe.video_processor.calculate_default_height_width(9, 16, target)


@pytest.mark.parametrize(("frames", "hint"), [(120, "use 117 or 121"), (2, "use 1 or 5")])
def test_an_impossible_count_of_frames_names_both_neighbours(adapter, frames, hint):
    with pytest.raises(SpecError, match=f"cannot make {frames} frames") as refused:
        adapter.facts.check(frames, 32, 32)
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task_type": "i2v"}, "its task is i2v: it wants a picture"),
        ({"in_channels": 4}, "takes 4 channels"),
        ({"patch_size_t": 2}, "joins 2 latent frames in one token"),
        ({"_class_name": "HunyuanVideoTransformer3DModel"}, "its transformer is a HunyuanVideoTransformer3DModel"),
    ],
)
def test_another_model_of_the_family_is_refused_by_what_it_is(hunyuan15_dir, tmp_path, changes, reason):
    for name in ("transformer", "vae", "scheduler"):
        shutil.copytree(hunyuan15_dir / name, tmp_path / name, ignore=shutil.ignore_patterns("*.safetensors"))
    config = tmp_path / "transformer" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    with pytest.raises(ModelError, match=reason):
        hunyuan15(Hunyuan15Options(path=str(tmp_path))).facts()


def test_text_and_masks_are_what_the_pipeline_reads(adapter, pipe):
    for prompt in (ONE, OTHER):
        read = unpacked(adapter.encode([prompt]), FEW.glyphs, (16, 8))
        for own, wanted in zip(read, pipe.encode_prompt(prompt), strict=True):
            assert torch.equal(own, wanted)
    assert read.glyphs_mask.sum() > 0
    assert 0 < read.prompt_mask.sum() < FEW.prompt


def test_packing_is_undone():
    text = Text(torch.randn(2, 5, 3), torch.ones(2, 5), torch.randn(2, 4, 6), torch.zeros(2, 4))
    for one, other in zip(unpacked(text.packed(), 4, (3, 6)), text, strict=True):
        assert torch.equal(one, other)


def test_with_one_prompt_it_samples_what_diffusers_pipeline_does(adapter, pipe):
    noise = latents(adapter)
    asked = {"prompt": OTHER, "negative_prompt": ONE, "height": 32, "width": 32, "num_frames": FRAMES, "num_inference_steps": 4}
    wanted = pipe(**asked, latents=noise, output_type="latent").frames
    text, negative = adapter.encode([OTHER, ONE])
    built = scheduler_for("flow-euler-even", adapter.scheduler_config)
    text = text.expand(LATENT_FRAMES, -1, -1)
    got = denoised(adapter, text, negative, noise, built, steps=4, guidance=4.0, guidance_batch="two")
    assert (got - wanted).abs().max() < 1e-5
    built = scheduler_for("flow-euler-even", adapter.scheduler_config)
    together = denoised(adapter, text, negative, noise, built, steps=4, guidance=4.0)
    assert (got - together).abs().max() < 1e-4
    pictures = pipe(**asked, latents=noise, output_type="np").frames[0]
    frames = np.stack(list(adapter.decode(got)))
    assert frames.shape == (FRAMES, 32, 32, 3)
    assert np.abs(frames / 255.0 - pictures).max() < 0.5 / 255 + 1e-4


def test_frames_with_texts_of_their_own_are_refused(adapter):
    one, other = adapter.encode([ONE, OTHER])
    with pytest.raises(SamplerError, match="all frames of a video read one text"):
        adapter.denoise(latents(adapter), torch.tensor(500.0), torch.stack([one] * 4 + [other])[None])


@pytest.mark.parametrize("stat", ["none", "max", "spread"])
def test_a_nursed_network_equals_one_whose_attention_is_materialised(adapter, stat):
    """Two videos in one batch, whose texts end at different tokens: the network's own masks, and the whole matrix."""
    bias = Bias(lambda d: (-d.square() / 2).exp(), stat=stat)
    text, timestep = one_text(adapter, ONE, OTHER), torch.tensor(700.0)
    x = torch.cat([latents(adapter), latents(adapter, 1)])
    plain = adapter.denoise(x, timestep, text)
    with nurse(adapter.denoiser, plan(adapter, Wants(bias)), adapter.family) as nursing:
        assert torch.equal(adapter.denoise(x, timestep, text), plain)  # with nothing to do: bit for bit
        nursing.at(0, 1)
        got = adapter.denoise(x, timestep, text)
    with materialised(bias, adapter.facts.clock(FRAMES, 24.0), slice(0, VIDEO), TOKENS) as added:
        wanted = adapter.denoise(x, timestep, text)
    assert len(added) == 2
    assert all(one[..., VIDEO:].count_nonzero() == one[..., VIDEO:, :].count_nonzero() == 0 for one in added)
    assert (got - wanted).abs().max() < 1e-5
    assert (got - plain).abs().max() > 1e-3


def test_what_the_text_attends_to_is_the_models_own_and_padding_is_finite(adapter):
    """The text's part of the first block's attention, under the strongest bias; and of the video's not."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    hook = adapter.denoiser.transformer_blocks[0].attn.register_forward_hook(lambda module, args, out: seen.append(out))
    text, x, timestep = one_text(adapter), latents(adapter), torch.tensor(700.0)
    try:
        adapter.denoise(x, timestep, text)
        strong = Tar(TarOptions(sigma={0: 1}, stat="spread", strength=9.0))
        with nurse(adapter.denoiser, plan(adapter, strong), adapter.family) as nursing:
            nursing.at(0, 4)
            adapter.denoise(x, timestep, text)
    finally:
        hook.remove()
    plain, nursed = seen
    valid = int(unpacked(adapter.encode([ONE]), FEW.glyphs, (16, 8)).prompt_mask.sum())
    assert (nursed[1][:, :valid] - plain[1][:, :valid]).abs().max() < 1e-6
    assert (nursed[0] - plain[0]).abs().max() > 1e-3
    assert nursed[1].isfinite().all()


def test_what_padding_holds_changes_no_bit_of_the_video(adapter):
    text, x, timestep = one_text(adapter), latents(adapter), torch.tensor(700.0)
    with nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}))), adapter.family) as nursing:
        nursing.at(0, 4)
        wanted = adapter.denoise(x, timestep, text)
        padded = text[..., -1:] == 0
        disturbed = torch.where(padded & (torch.arange(text.shape[-1]) < text.shape[-1] - 1), torch.randn_like(text), text)
        assert not torch.equal(disturbed, text)
        assert torch.equal(adapter.denoise(x, timestep, disturbed[:, :1].expand_as(text)), wanted)


def test_nursing_leaves_the_model_as_it_was(adapter):
    before = [block.attn.processor for block in adapter.denoiser.transformer_blocks]
    x, text = latents(adapter), one_text(adapter)
    plain = adapter.denoise(x, torch.tensor(700.0), text)
    with (
        pytest.raises(SamplerError, match="saw 20 tokens; its plan is for 7 latent frames"),
        nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1})), frames=25), adapter.family),
    ):
        adapter.denoise(x, torch.tensor(700.0), text)
    assert [block.attn.processor for block in adapter.denoiser.transformer_blocks] == before
    assert torch.equal(adapter.denoise(x, torch.tensor(700.0), text), plain)


def test_recorded_maps_are_of_the_video_alone(adapter):
    sites = [Site.at(address, adapter.facts.clock(FRAMES, 24.0)) for address in adapter.facts.sites]
    recording = Recording(sites, steps=[0])
    with nurse(adapter.denoiser, plan(adapter), adapter.family, recording=recording) as nursing:
        nursing.at(0, 1)
        adapter.denoise(latents(adapter), torch.tensor(900.0), one_text(adapter))
    maps = recording.maps()[0]
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, LATENT_FRAMES))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda processor: setattr(processor, "_attention_backend", "flash"), "has an attention backend"),
        (lambda processor: setattr(processor, "_parallel_config", object()), "has context parallelism"),
    ],
)
def test_an_attention_that_does_more_is_refused(adapter, change, reason):
    attention = adapter.denoiser.transformer_blocks[1].attn
    stock, changed = attention.processor, HunyuanVideo15AttnProcessor2_0()
    change(changed)
    attention.set_processor(changed)
    try:
        with (
            pytest.raises(ModelError, match=reason),
            nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}))), adapter.family),
        ):
            pass
    finally:
        attention.set_processor(stock)


@pytest.mark.parametrize("tiling", [False, True])
@pytest.mark.parametrize("count", [1, 4])
def test_frames_are_decoded_one_latent_frame_at_a_time_as_the_whole_clip_is(tiling, count):
    torch.manual_seed(1)
    options: dict[str, Any] = {**VAE, "block_out_channels": (8, 8, 8, 8, 16)}
    vae: Any = AutoencoderKLHunyuanVideo15(**options).eval()
    if tiling:
        vae.enable_tiling(64, 64, 4, 4, 0.25)
    x = torch.randn(1, 4, count, 5, 6)
    with torch.no_grad():
        whole = vae.decode(x / vae.config["scaling_factor"], return_dict=False)[0][0]
    got = np.stack(list(decode_causally(vae, x, Placement((vae,), "cpu", "none"), tiling=tiling)))
    wanted = whole.div(2).add(0.5).clamp(0, 1).mul(255).round().permute(1, 2, 3, 0).to(torch.uint8).numpy()
    assert got.shape == wanted.shape == (4 * count - 3, 80, 96, 3)
    assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1


def test_memory_of_decoding_hardly_grows_with_the_clip(adapter):
    peaks: list[int] = []
    for count in (3, 9):
        with LiveBytes() as memory:
            assert sum(1 for _ in adapter.decode(torch.randn(1, 4, count, 4, 4))) == 4 * count - 3
        peaks.append(memory.peak)
    assert peaks[1] < 1.1 * peaks[0]


def test_a_prompt_that_is_too_long_says_what_is_cut(adapter):
    assert adapter.cut_off(ONE) == ""
    assert adapter.cut_off("s" * FEW.prompt + " winter") == " winter"


REAL = {
    "transformer": {
        "num_attention_heads": 16,
        "attention_head_dim": 128,
        "num_layers": 54,
        "in_channels": 65,
        "out_channels": 32,
        "task_type": "t2v",
        "target_size": 640,
    },
    "vae": {"latent_channels": 32},
    "text_encoder": {"num_hidden_layers": 1, "model_type": "qwen2_5_vl_text"},
    "text_encoder_2": {"d_model": 1472, "d_kv": 64, "d_ff": 3584, "num_layers": 1, "num_heads": 6, "model_type": "t5"},
    "scheduler": {"shift": 5.0},
}


def test_the_real_configuration(tmp_path):
    """Sites, size of the clip and an estimate of its cost, without weights."""
    for component, config in REAL.items():
        (tmp_path / component).mkdir()
        file = "scheduler_config.json" if component == "scheduler" else "config.json"
        (tmp_path / component / file).write_text(json.dumps(config))
    source = hunyuan15(Hunyuan15Options(path=str(tmp_path)))
    facts = source.facts()
    facts.check(121, 848, 480)
    assert (len(facts.sites), facts.clock(121, 24.0).latents, facts.frames) == (54, 31, 121)
    assert (facts.width, facts.height, facts.guidance) == (848, 480, 6.0)
    with torch.device("meta"):
        network: Any = HunyuanVideo15Transformer3DModel.from_config(REAL["transformer"])
    check_sites(network, facts, attentions_within(network, HunyuanVideo15TransformerBlock, Attention), tmp_path)
    estimate = source.estimate(Workload(frames=17, width=848, height=480, branches=1, dtype="bfloat16"))
    assert 8e9 < estimate.weights["denoiser"] / 2 < 9e9
    attention = 4 * (5 * 30 * 53 + 1985) ** 2 * 2048 * 54
    assert attention < estimate.call_flops < 9 * attention


@pytest.mark.slow
def test_a_block_takes_at_most_1_3_of_plain_with_tar_and_less_than_diffusers_own():
    """One block at 480p, with fewer heads and latent frames than the real one: diffusers' own, nursed, and with TAR."""
    heads, head_dim, frames, text = 2, 128, 2, 1985
    tokens = frames * 30 * 53
    network = torch.nn.ModuleList([HunyuanVideo15TransformerBlock(heads, head_dim, 4.0)])
    mask = torch.arange(text)[None] < 120
    angles = torch.randn(tokens, head_dim)

    def run() -> None:
        given = (
            torch.randn(1, tokens, heads * head_dim),
            torch.randn(1, text, heads * head_dim),
            torch.randn(1, heads * head_dim),
        )
        network[0](*given, mask, (angles, angles))

    def peak() -> int:
        with LiveBytes() as memory:
            run()
        return memory.peak

    site = SiteAddress("0.attn", "stack", 0, heads, head_dim, kind="joint", index=0)
    clock = Clock.of_latents(frames, 6.0, Rhythm.causal(4))
    planned = plan_attention([site], [Tar(TarOptions(sigma={0: 1}, stat="spread"))], clock)
    with torch.no_grad():
        own = peak()
        with nurse(network, planned, HUNYUAN15) as nursing:
            plain = peak()
            nursing.at(0, 4)
            regularized = peak()
    assert regularized <= 1.3 * plain
    assert regularized < own
