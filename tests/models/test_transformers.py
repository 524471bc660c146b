"""What holds for every model whose denoiser attends over all tokens of a clip."""

from __future__ import annotations

import pytest
import torch

from tests.transformer_models import ONE, OTHER, clock, latents, one_text, plan, processors, source
from vstar_sdk.attention.nursing import nurse
from vstar_sdk.attention.recording import Recording
from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import SamplerError, SpecError
from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.regularizers.tar import Tar, TarOptions

ONE_TEXT = ("cogvideox_2b", "cogvideox_5b", "hunyuan15_dir", "motif_dir", "minimax_h3_dir", "mochi_dir")
"""Whose text and video share one attention."""
COUNTS = [
    ("wan_21", (64, 16, 80, 2), ("61 or 65", "13 or 17", "77 or 81", "1 or 5")),
    ("skyreels_dir", (96, 2), ("93 or 97", "1 or 5")),
    ("tiny_ltx", (64, 16, 160, 2), ("57 or 65", "9 or 17", "153 or 161", "1 or 9")),
    ("tiny_ltx2", (64, 120, 2), ("57 or 65", "113 or 121", "1 or 9")),
    ("cogvideox_2b", (48, 50, 2), ("45 or 49", "49 or 53", "1 or 5")),
    ("hunyuan15_dir", (120, 2), ("117 or 121", "1 or 5")),
    ("kandinsky5_dir", (120, 2, 600), ("117 or 121", "1 or 5", "509")),
    ("cosmos_dir", (16, 2, 92), ("13 or 17", "1 or 5", "61")),
    ("mochi_dir", (64, 2, 162), ("61 or 67", "1 or 7", "157 or 163")),
    ("motif_dir", (120, 2), ("117 or 121", "1 or 5")),
    ("minimax_h3_dir", (120, 2, 5, 350), ("107 or 124", "22", "22", "345 or 362")),
]


@pytest.mark.parametrize(
    ("name", "frames", "counts"),
    [(name, *one) for name, frames, counts in COUNTS for one in zip(frames, counts, strict=True)],
)
def test_an_impossible_count_of_frames_names_both_neighbours(request, name, frames, counts):
    with pytest.raises(SpecError, match=f"cannot make {frames} frames") as refused:
        source(name, request.getfixturevalue(name)).facts().check(frames, 64, 64)
    assert refused.value.hint == f"use {counts}"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("wan_21", "wan"),
        ("skyreels_dir", "skyreels"),
        ("tiny_ltx", "ltx"),
        ("tiny_ltx2", "ltx2"),
        ("cogvideox_2b", "cogvideox"),
        ("hunyuan15_dir", "hunyuan15"),
        ("kandinsky5_dir", "kandinsky5"),
        ("mochi_dir", "mochi"),
        ("motif_dir", "motif"),
        ("minimax_h3_dir", "minimax-h3"),
        ("cosmos_dir", "cosmos"),
    ],
)
def test_compiling_is_refused(tmp_path, name, word):
    with pytest.raises(ValueError, match=f"{word} cannot be compiled"):
        source(name, tmp_path, compile=True)


@pytest.mark.parametrize(
    ("adapter", "prompt", "end"),
    [
        ("wan_21", "a " * 510 + "green winter autumn", "winter autumn"),
        ("tiny_ltx", "a " * 126 + "green winter autumn", "winter autumn"),
        ("tiny_ltx2", "a" * 1024 + "winter", "winter"),
        ("cogvideox_5b", "a " * 224 + "green winter autumn", "winter autumn"),
        ("hunyuan15_dir", "s" * 48 + " winter", " winter"),
        ("kandinsky5_dir", "s" * 512 + " winter", " winter"),
        ("mochi_dir", "a " * 254 + "green winter autumn", "winter autumn"),
        ("motif_dir", "a" * 512 + "winter", "winter"),
        ("minimax_h3_dir", "a" * 2048 + "winter", "winter"),
    ],
    indirect=["adapter"],
)
def test_a_prompt_that_is_too_long_says_what_is_cut(adapter, prompt, end):
    assert adapter.cut_off(ONE) == ""
    assert adapter.cut_off(prompt) == end


@pytest.mark.parametrize(
    ("adapter", "latent_frames", "side", "growth"),
    [
        ("wan_21", (3, 9), 8, 1.02),
        pytest.param("cogvideox_5b", (5, 13), 4, 1.05, marks=pytest.mark.slow),
        pytest.param("hunyuan15_dir", (3, 9), 4, 1.1, marks=pytest.mark.slow),
        pytest.param("kandinsky5_dir", (5, 14), 4, 1.1, marks=pytest.mark.slow),
    ],
    indirect=["adapter"],
)
def test_memory_of_decoding_does_not_grow_with_the_clip(adapter, latent_frames, side, growth):
    peaks: list[int] = []
    for count in latent_frames:
        with LiveBytes() as memory:
            shown = adapter.decode(torch.randn(1, adapter.latent[0], count, side, side))
            assert sum(1 for _ in shown) == adapter.facts.rhythm.frames_of(count)
        peaks.append(memory.peak)
    assert peaks[1] < growth * peaks[0]


@pytest.mark.parametrize("adapter", ONE_TEXT, indirect=True)
def test_frames_with_texts_of_their_own_are_refused(adapter):
    one, other = adapter.encode([ONE, OTHER])
    x, timestep = latents(adapter), torch.tensor(500.0)
    with pytest.raises(SamplerError, match="all frames of a video read the same text") as refused:
        adapter.denoise(x, timestep, torch.stack([one] * 4 + [other])[None])
    assert "Prompt Relay" in str(refused.value.hint)
    same = one.expand(1, 5, -1, -1).contiguous()
    assert torch.equal(adapter.denoise(x, timestep, same), adapter.denoise(x, timestep, one_text(adapter)))


@pytest.mark.parametrize(
    ("adapter", "side", "frames", "message"),
    [
        *(
            (name, 32, 25, "saw 20 tokens; the plan is for 7 latent frames")
            for name in ("wan_21", "wan_22", "kandinsky5_dir", *ONE_TEXT[:-2])
        ),
        ("mochi_dir", 32, 31, "saw 16 tokens; the plan is for 6 latent frames"),
        ("minimax_h3_dir", 64, 39, "saw 28 tokens; the plan is for 12 latent frames"),
        ("tiny_ltx", 64, 33, "saw 12 tokens; the plan is for 5 latent frames"),
        ("tiny_ltx2", 64, 33, "saw 12 tokens; the plan is for 5 latent frames"),
    ],
    indirect=["adapter"],
)
def test_another_number_of_tokens_than_planned_is_an_error_and_leaves_the_model_as_it_was(adapter, side, frames, message):
    before, x, text, timestep = processors(adapter), latents(adapter, side=side), one_text(adapter), torch.tensor(700.0)
    plain = adapter.denoise(x, timestep, text)
    with (
        pytest.raises(SamplerError, match=message),
        nurse(adapter.denoiser, plan(adapter, Tar(TarOptions(sigma={0: 1})), frames=frames), adapter.family),
    ):
        adapter.denoise(x, timestep, text)
    assert all(one is other for one, other in zip(processors(adapter), before, strict=True))
    assert torch.equal(adapter.denoise(x, timestep, text), plain)


@pytest.mark.parametrize("adapter", ONE_TEXT, indirect=True)
def test_recorded_maps_are_of_the_video_alone(adapter):
    clip = clock(adapter)
    recording = Recording([Site.at(address, clip) for address in adapter.facts.sites], steps=[0])
    with nurse(adapter.denoiser, plan(adapter), adapter.family, recording=recording) as nursing:
        nursing.at(0, 1)
        adapter.denoise(latents(adapter), torch.tensor(900.0), one_text(adapter))
    maps = recording.maps()[0]
    layers = len(adapter.facts.sites)
    assert maps.shape == (layers, clip.latents, clip.latents)
    torch.testing.assert_close(maps.sum(-1), torch.ones(layers, clip.latents))
