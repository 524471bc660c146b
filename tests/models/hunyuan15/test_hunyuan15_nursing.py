"""HunyuanVideo 1.5 while it is nursed: the text's own attention, padding, memory."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.transformers.transformer_hunyuan_video15 import (
    HunyuanVideo15TransformerBlock,
)

from tests.transformer_models import FEW, ONE, latents, one_text, plan
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.plan import plan_attention
from vstar_sdk.attention.sites import SiteAddress
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.models.hunyuan15.family import HUNYUAN15
from vstar_sdk.models.hunyuan15.text import unpacked
from vstar_sdk.regularizers.tar import Tar, TarOptions


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
