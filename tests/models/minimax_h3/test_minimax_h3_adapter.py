"""MiniMax-H3, loaded: against diffusers' pipeline and autoencoder, its sequence, its sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_minimax_h3 import AutoencoderKLMiniMaxH3

from tests.denoised import denoised, gaussian, scheduler_for
from tests.tiny_minimax_h3 import VAE, held_pipeline
from tests.transformer_models import ONE, check_decoded, clock, latents, one_text
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.telling import reading_sites, told, with_text
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.minimax_h3.coding import decode_in_parts, encode_in_parts
from vstar_sdk.models.minimax_h3.inputs import call, latents_of, rows_of
from vstar_sdk.models.minimax_h3.sequence import UNIT, generated, places, retold
from vstar_sdk.models.minimax_h3.sites import RHYTHM
from vstar_sdk.models.minimax_h3.sound import Sound, first_sound, level_beside, sound_latents
from vstar_sdk.models.minimax_h3.text import TOKENS, padded, unpadded

slow = pytest.mark.slow


def sampled(adapter: Any, noise: torch.Tensor, steps: int = 4, prompt: str = ONE) -> torch.Tensor:
    text, negative = adapter.encode([prompt, ""])
    count = noise.shape[2]
    built = scheduler_for("flow-euler-even", adapter.scheduler_config)
    with adapter.running([[1.0]] * count, steps):
        return denoised(adapter, text.expand(count, -1, -1), negative, noise, built, steps=steps, guidance=1.0)


@slow
def test_it_samples_what_diffusers_pipeline_does_with_the_same_sound(adapter):
    """Five seconds at least, as the pipeline asks for; it counts one step more, which is the clean clip."""
    pipe, noise = held_pipeline(adapter.directory), gaussian(adapter.latent_shape(124, 64, 64), 0)
    sound = first_sound(noise, 207, 32).reshape(2, 207, 32).permute(0, 2, 1)
    asked = {"prompt": ONE, "num_frames": 124, "height": 64, "width": 64, "num_inference_steps": 5}
    wanted = pipe(**asked, latents=noise, audio_latents=sound).get("latents")
    assert (sampled(adapter, noise) - wanted).abs().max() < 1e-5
    other = pipe(**asked, latents=noise, audio_latents=sound.flip(0)).get("latents")
    assert (other - wanted).abs().max() > 1e-3, "the video attends to its sound"


@slow
def test_the_sequence_and_the_clock_are_those_of_diffusers():
    from diffusers.modular_pipelines.minimax_h3 import before_denoise, modular_pipeline

    layout, grid_of = before_denoise.MiniMaxH3PrepareLayoutStep, before_denoise._temporal_position_grid
    for text, frames, height, width in ((7, 39, 4, 6), (211, 124, 48, 84), (13, 345, 20, 20)):
        clip = Clock(frames, 24.0, RHYTHM)
        count = modular_pipeline.audio_latent_num_frames(frames)
        assert count == sound_latents(frames)
        assert clip.latents == modular_pipeline.video_latent_num_frames(frames, 17, 5)
        begins = torch.tensor([UNIT * span.start for span in clip.spans], dtype=torch.float64)
        torch.testing.assert_close(begins, grid_of(clip.latents, 0.0), atol=1e-9, rtol=0.0)
        wanted = layout.build_packed_sequence(torch.ones(text), clip.latents, height, width, count, (1, 2, 2), 2, 2, 0)
        own = places([text], (clip.latents, height // 2, width // 2), count)
        assert all(torch.equal(one, torch.as_tensor(other)) for one, other in zip(own, wanted[:5], strict=True))
        moved = retold(places([5], (clip.latents, height // 2, width // 2), count), [text])
        for one, other in zip(moved, wanted[:5], strict=True):
            torch.testing.assert_close(one, other, atol=1e-9, rtol=0.0)
        assert generated(own) == (clip.latents, height // 2, width // 2)


def test_each_of_several_texts_ends_where_the_video_begins():
    """So that it stands to the video as if it were alone; the rest is where one text as long as the longest puts it."""
    both, one = places([3, 5], (7, 2, 3), 11), places([5], (7, 2, 3), 11)
    assert both.position_ids[:8, 0].tolist() == [2.0, 3.0, 4.0, 0.0, 1.0, 2.0, 3.0, 4.0]
    assert torch.equal(both.position_ids[8:], one.position_ids[5:])
    assert all(torch.equal(x, y) for x, y in zip(retold(one, [3, 5]), both, strict=True))
    assert generated(both) == (7, 2, 3)


@pytest.mark.parametrize("state", [0, 1])
def test_frames_that_read_one_state_alone_are_the_plain_network_under_its_prompt(adapter, state):
    """Texts of different lengths; the sound reads what the frames of its time do."""
    x = latents(adapter, side=64)
    noise = first_sound(x, 37, 32)
    texts = unpadded(adapter.encode([ONE, "a snowy landscape in winter, and an orange autumn"]))
    facts, frames = adapter.facts, x.shape[2]
    bias = torch.full((frames, 2), -torch.inf, dtype=torch.float64)
    bias[:, state] = 0.0
    plan = plan_attention(reading_sites(facts.sites, facts.text_sites), [], clock(adapter), 4)
    planned = told(with_text(plan, facts.text_sites, "relay"), bias, TOKENS, [(0, 10), (11, 21)])
    with torch.no_grad():
        wanted, other = (call(adapter.denoiser, x, noise, [one], (0.7, 0.5))[0] for one in (texts[state], texts[1 - state]))
        with nurse(adapter.denoiser, planned, adapter.family) as nursing:
            nursing.at(0, 4)
            nursing.call((True,), *x.shape[-2:])
            got, _ = call(adapter.denoiser, x, noise, texts, (0.7, 0.5))
    assert (got - wanted).abs().max() < 3e-6
    assert (other - wanted).abs().max() > 1e-3


def test_packing_is_undone():
    x = torch.randn(1, 3, 7, 4, 6)
    assert rows_of(x).shape == (1, 42, 12)
    assert torch.equal(latents_of(rows_of(x), x), x)
    one, other = torch.randn(1, 5, 3), torch.randn(1, 4, 3)
    back = unpadded(torch.cat([padded(one), padded(other), padded(one[:, :0])]))
    assert torch.equal(back[0], one)
    assert torch.equal(back[1], other)
    assert len(back) == 2


def test_the_sound_goes_its_own_way_beside_the_video():
    assert level_beside(1.0, (12.0, 3.0)) == 1.0
    assert level_beside(0.0, (12.0, 3.0)) == 0.0
    assert level_beside(12 * 0.25 / (1 + 11 * 0.25), (12.0, 3.0)) == pytest.approx(3 * 0.25 / (1 + 2 * 0.25))
    sound, drawn = Sound(), []

    def fresh() -> torch.Tensor:
        drawn.append(torch.full((2, 1), 5.0))
        return drawn[-1]

    assert sound.at(1.0, fresh)[0] == 5.0
    sound.goes(torch.full((2, 1), 2.0))
    assert sound.at(0.75, fresh)[0] == 5.5
    assert sound.at(0.75, fresh)[0] == 5.5, "a second call at a level changes nothing"
    assert len(drawn) == 1
    assert sound.at(1.0, fresh)[0] == 5.0, "a schedule that begins again has fresh noise"
    assert len(drawn) == 2


def test_a_run_is_told_that_it_cannot_pause_and_that_guidance_is_baked_in(adapter):
    assert adapter.remembers == ("the sound beside the video",)
    with pytest.raises(SamplerError, match="guidance baked in") as refused, adapter.calling(["negative", "prompt"]):
        pass
    assert refused.value.hint == "set sampling.guidance: 1"
    with pytest.raises(SamplerError, match="needs a prompt with words"):
        adapter.denoise(latents(adapter), torch.tensor(500.0), one_text(adapter, ""))


def test_a_run_leaves_no_sound_behind(adapter):
    x = latents(adapter)
    first, again = sampled(adapter, x, 2), sampled(adapter, x, 2)
    assert torch.equal(first, again)
    assert adapter.sounds == []


@slow
def test_the_text_is_what_the_pipeline_reads(adapter):
    from diffusers.modular_pipelines.minimax_h3.encoders import get_qwen3vl_prompt_embeds

    from tests.tiny_minimax_h3 import Counting

    tokens = adapter.tokenizer(ONE, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        wanted = get_qwen3vl_prompt_embeds(adapter.text_encoder, Counting(), tokens, {}, 50, dtype=torch.float32)
    (read,) = unpadded(adapter.encode([ONE]))
    assert torch.equal(read, wanted)


@slow
@pytest.mark.parametrize("frames", [22, 56])
def test_frames_are_coded_in_parts_as_the_whole_clip_is(frames):
    """Pictures of more than one tile; encoded, and decoded again."""
    torch.manual_seed(1)
    vae: Any = AutoencoderKLMiniMaxH3(**VAE).eval()
    vae.enable_tiling(48, 48, 16, 16)
    placement = Placement((vae,), "cpu", "none")
    clip = np.random.default_rng(0).integers(0, 256, (frames, 64, 80, 3), np.uint8)
    mean, deviation = (torch.tensor(x).view(1, 3, 1, 1, 1) for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    given = (torch.tensor(clip).permute(3, 0, 1, 2)[None].float() / 255 - mean) / deviation
    middle, spread = (torch.tensor(VAE[key]).view(1, -1, 1, 1, 1) for key in ("latents_mean", "latents_std"))
    with torch.no_grad():
        means = vae.encode(given).latent_dist.mode()
        whole = vae.decode(means, return_dict=False)[0] * deviation + mean
    found = encode_in_parts(vae, iter(clip), placement)
    torch.testing.assert_close(found, (means - middle) / spread, atol=1e-4, rtol=1e-4)
    check_decoded(decode_in_parts(vae, found, placement), whole[0] * 2 - 1)


@slow
def test_memory_of_decoding_does_not_grow_with_the_clip(adapter):
    peaks: list[int] = []
    for count in (17, 37):
        with LiveBytes() as memory:
            shown = adapter.decode(torch.randn(1, 4, count, 4, 4))
            assert sum(1 for _ in shown) == RHYTHM.frames_of(count)
        peaks.append(memory.peak)
    assert peaks[1] < 1.1 * peaks[0]


def test_a_latent_frame_in_the_clock_is_one_of_the_latents(adapter):
    assert latents(adapter).shape[2] == clock(adapter).latents == 7
