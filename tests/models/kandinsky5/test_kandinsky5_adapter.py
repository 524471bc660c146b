"""Kandinsky 5, loaded: against diffusers' pipeline, a text for every latent frame, decoding in bounded memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
from diffusers.pipelines.kandinsky5.pipeline_kandinsky import Kandinsky5T2VPipeline
from torch import Tensor

from tests.denoised import denoised, scheduler_for
from tests.tiny_kandinsky5 import VAE
from tests.transformer_models import FRAMES, ONE, OTHER, Wants, check_decoded, check_frames, clock, latents, one_text, plan
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.operations import Mix
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.telling import reading_sites, with_text
from vstar_sdk.attention.telling import told as told_plan
from vstar_sdk.models.diffusers.hunyuan_decoding import decode_in_windows
from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.kandinsky5.inputs import call, scale_factor
from vstar_sdk.models.kandinsky5.text import TOKENS, Told, packed, told
from vstar_sdk.sampling.conditioning import Conditioning

SHORT = "a snowy winter"
MOMENT = torch.tensor(700.0)


@pytest.fixture
def pipe(adapter) -> Any:
    """diffusers' own pipeline of the same parts."""
    made = Kandinsky5T2VPipeline(**adapter.pipeline.components)
    made.scheduler = scheduler_for("flow-euler", adapter.scheduler_config)
    made.set_progress_bar_config(disable=True)
    return made


def beside_a_picture(x: Tensor) -> Tensor:
    """Latents as the pipeline holds them: channels last, with those of a picture that is not there, and its mask."""
    own = x.permute(0, 2, 3, 4, 1)
    return torch.cat([own, torch.zeros_like(own), own.new_zeros(*own.shape[:-1], 1)], dim=-1)


def test_with_one_prompt_it_samples_what_diffusers_pipeline_does_bit_for_bit(adapter, pipe):
    """Where each branch is a call of its own, as there; in one batch the shorter text is masked."""
    noise = latents(adapter)
    asked = {"prompt": ONE, "negative_prompt": SHORT, "height": 32, "width": 32, "num_frames": FRAMES, "num_inference_steps": 4}
    wanted = pipe(**asked, latents=beside_a_picture(noise), output_type="latent").frames.permute(0, 4, 1, 2, 3)
    text, negative = adapter.encode([ONE, SHORT])
    text = text.expand(5, -1, -1)

    def got(batch: Any) -> Tensor:
        scheduler = scheduler_for("flow-euler", adapter.scheduler_config)
        return denoised(adapter, text, negative, noise, scheduler, steps=4, guidance=5.0, guidance_batch=batch)

    assert torch.equal(got("two"), wanted)
    assert (got("one") - wanted).abs().max() < 1e-3
    pictures = pipe(**asked, latents=beside_a_picture(noise), output_type="np").frames[0]
    check_frames(adapter.decode(wanted), pictures)


@pytest.mark.parametrize(("height", "width"), [(480, 854), (512, 768), (32, 32), (512, 896), (464, 768), (1024, 1024)])
def test_positions_are_divided_as_the_pipeline_does(pipe, height, width):
    assert scale_factor(height, width) == pipe._get_scale_factor(height, width)


def test_a_text_is_what_the_pipeline_reads_and_comes_back_whole(adapter, pipe):
    tokens, pooled, _ = pipe.encode_prompt(ONE)
    assert tokens.shape == (1, len(ONE) + 1, 16)
    read = told(adapter.encode([ONE])[:, None].expand(-1, 5, -1, -1), 8)
    assert torch.equal(read.tokens, tokens)
    assert torch.equal(read.pooled, pooled)
    assert (read.bias, read.frames) == (None, None)
    assert packed(torch.randn(1, TOKENS + 3, 16), pooled).shape == (1, TOKENS + 4, 17)


def test_texts_of_different_lengths_are_masked(adapter):
    both = told(adapter.encode([ONE, SHORT])[:, None].expand(-1, 5, -1, -1), 8)
    assert both.frames is None
    assert both.bias is not None
    assert (both.bias == 0).sum(dim=1).tolist() == [len(ONE) + 1, len(SHORT) + 1]
    assert both.bias.min() == -10000.0


def test_a_mixture_of_two_texts_has_a_part_of_the_longer_ones_end(adapter):
    one, short = adapter.encode([ONE, SHORT])
    mixed = told((0.25 * one + 0.75 * short)[None, None].expand(1, 5, -1, -1), 8)
    share = torch.tensor(0.25).log()
    assert mixed.bias is not None
    torch.testing.assert_close(mixed.bias[0, len(SHORT) + 1 :], share.expand(len(ONE) - len(SHORT)))
    torch.testing.assert_close(mixed.tokens[0, len(SHORT) + 1 :], one[len(SHORT) + 2 : len(ONE) + 2, :16])


def test_a_masked_token_is_never_read(adapter):
    text = told(one_text(adapter), 8)
    x = latents(adapter)
    more = torch.cat([text.tokens, torch.randn(1, 9, 16)], dim=1)
    bias = torch.zeros(1, more.shape[1])
    bias[:, text.tokens.shape[1] :] = -10000.0
    with torch.no_grad():
        plain, longer, read = (
            call(adapter.denoiser, x, MOMENT, one, 8)
            for one in (text, text._replace(tokens=more, bias=bias), text._replace(tokens=more))
        )
    assert (longer - plain).abs().max() < 1e-5
    assert (read - plain).abs().max() > 1e-3


def test_a_text_for_every_latent_frame_which_is_the_same_is_the_plain_network(adapter):
    """The frames folded into the batch; the model rounds to bfloat16, so that a last bit may become a larger one."""
    text, x = told(one_text(adapter, ONE, OTHER), 8), torch.cat([latents(adapter), latents(adapter, 1)])
    each = Told(text.tokens.repeat_interleave(5, dim=0), text.pooled.repeat_interleave(5, dim=0), None, 5)
    with torch.no_grad():
        plain, folded = (call(adapter.denoiser, x, MOMENT, one, 8) for one in (text._replace(bias=None), each))
    assert (folded - plain).abs().max() < 1e-4


def test_the_pooled_vector_of_a_text_modulates_its_own_frames(adapter):
    one, other = adapter.encode([ONE, SHORT])
    seen: list[Tensor] = []
    modulation = adapter.denoiser.visual_transformer_blocks[0].visual_modulation
    hook = modulation.register_forward_hook(lambda module, args, out: seen.append(out.detach()))
    texts = torch.stack([one] * 3 + [other] * 2)
    try:
        for text in (texts, one.expand_as(texts), other.expand_as(texts)):
            adapter.denoise(latents(adapter), MOMENT, text[None])
    finally:
        hook.remove()
    mixed, of_one, of_other = seen
    assert torch.allclose(mixed, torch.cat([of_one] * 3 + [of_other] * 2), atol=1e-5)
    assert not torch.allclose(of_one, of_other, atol=1e-3)


def test_a_frame_that_attends_to_itself_alone_is_a_clip_of_its_own_text(adapter):
    """With self-attention inside a frame only, nothing of another frame's text reaches it: the two ways of the text are all."""
    one, other = adapter.encode([ONE, SHORT])
    texts = torch.stack([one] * 3 + [other] * 2)[None]
    with nurse(adapter.denoiser, plan(adapter, Wants(Mix(lambda d: (d == 0).to(d)))), adapter.family) as nursing:
        nursing.at(0, 1)
        mixed, only_one, only_other = (
            adapter.denoise(latents(adapter), MOMENT, text.expand(1, 5, -1, -1)) for text in (texts[0], one, other)
        )
    assert torch.allclose(mixed[:, :, :3], only_one[:, :, :3], atol=1e-4)
    assert torch.allclose(mixed[:, :, 3:], only_other[:, :, 3:], atol=1e-4)
    assert not torch.allclose(only_one, only_other, atol=1e-2)


def test_by_relay_each_frame_has_the_tokens_and_the_vector_of_the_state_that_it_reads(adapter):
    """Likewise, where the texts of both states are there for all frames."""
    texts = adapter.encode([ONE, SHORT])
    bias = torch.tensor([[0.0, -torch.inf]] * 3 + [[-torch.inf, 0.0]] * 2, dtype=torch.float64)
    alone = Wants(Mix(lambda d: (d == 0).to(d)))
    facts, x = adapter.facts, latents(adapter)
    with nurse(adapter.denoiser, plan(adapter, alone), adapter.family) as nursing:
        nursing.at(0, 1)
        of_one, of_other = (adapter.denoise(x, MOMENT, text.expand(1, 5, -1, -1)) for text in texts)
    both = plan_attention(reading_sites(facts.sites, facts.text_sites), [alone], clock(adapter))
    relayed = told_plan(with_text(both, facts.text_sites, "relay"), bias, texts.shape[1], [(0, 8), (9, 16)])
    with nurse(adapter.denoiser, relayed, adapter.family) as nursing:
        nursing.at(0, 1)
        got = adapter.denoise(x, MOMENT, Conditioning(texts, texts[0], bias).sequences()[0][None])
    assert torch.allclose(got[:, :, :3], of_one[:, :, :3], atol=1e-4)
    assert torch.allclose(got[:, :, 3:], of_other[:, :, 3:], atol=1e-4)


@pytest.mark.parametrize(
    ("count", "tiling"), [(1, False), (4, True), (5, False), pytest.param(8, True, marks=pytest.mark.slow), (8, False)]
)
def test_frames_are_decoded_window_by_window_as_the_whole_clip_is(count, tiling):
    torch.manual_seed(1)
    vae: Any = AutoencoderKLHunyuanVideo(**VAE).eval()
    if tiling:
        vae.enable_tiling(32, 32, 16, 24, 24, 12)
    x = torch.randn(1, 4, count, 6, 5)
    with torch.no_grad():
        whole = vae.decode(x / vae.config["scaling_factor"], return_dict=False)[0][0]
    check_decoded(decode_in_windows(vae, x, Placement((vae,), "cpu", "none"), tiling=tiling), whole)


def test_decoding_makes_no_mask_of_latent_positions_by_all_of_them():
    """Its middle attends to 5 x 24 x 24 positions: diffusers' mask alone would be 32 MiB."""
    options: dict[str, Any] = {**VAE, "spatial_compression_ratio": 2}
    vae: Any = AutoencoderKLHunyuanVideo(**options).eval()
    with LiveBytes() as memory:
        assert sum(1 for _ in decode_in_windows(vae, torch.randn(1, 4, 5, 24, 24), Placement((vae,), "cpu", "none"))) == 17
    assert memory.peak < (5 * 24 * 24) ** 2 * 4
