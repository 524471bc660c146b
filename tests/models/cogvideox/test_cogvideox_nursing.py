"""CogVideoX 2B and 5B while they are nursed: the text's own attention, refusals."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0

from tests.transformer_models import latents, load, one_text, plan
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.errors import ModelError
from vstar_sdk.regularizers.tar import Tar, TarOptions


def test_what_the_text_attends_to_is_the_models_own(adapter):
    """The text's part of the first block's attention, under the strongest bias, bit for bit; and of the video's not."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    attention = adapter.denoiser.transformer_blocks[0].attn1
    hook = attention.register_forward_hook(lambda module, args, out: seen.append(out))
    text, x, timestep = one_text(adapter), latents(adapter), torch.tensor(700)
    try:
        adapter.denoise(x, timestep, text)
        with nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}, strength=9.0))), adapter.family) as nursing:
            adapter.denoise(x, timestep, text)
            nursing.at(0, 4)
            adapter.denoise(x, timestep, text)
    finally:
        hook.remove()
    plain, idle, nursed = seen
    assert torch.equal(idle[0], plain[0])
    assert torch.equal(idle[1], plain[1])
    assert (nursed[1] - plain[1]).abs().max() < 1e-6
    assert (nursed[0] - plain[0]).abs().max() > 1e-4


def test_an_attention_that_does_more_is_refused(cogvideox_2b):
    adapter = load("cogvideox_2b", cogvideox_2b)
    adapter.denoiser.fuse_qkv_projections()
    with (
        pytest.raises(ModelError, match="holds FusedCogVideoXAttnProcessor2_0, which cannot be replaced"),
        nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1}))), adapter.family),
    ):
        pass
    adapter.denoiser.unfuse_qkv_projections()
    assert type(adapter.denoiser.transformer_blocks[0].attn1.processor) is CogVideoXAttnProcessor2_0
