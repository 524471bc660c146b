"""Frames that are encoded and decoded come out as diffusers' autoencoder alone gives them back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from vstar_sdk.models.contract import EncodingAdapter
from vstar_sdk.models.diffusers.measuring import LiveBytes
from vstar_sdk.models.wan.encoding import in_scale

FAST = ("wan_21",)
MODELS = {"wan_21": 9, "cogvideox_5b": 17, "hunyuan15_dir": 9, "kandinsky5_dir": 9, "mochi_dir": 13, "tiny_ltx": 17}
MODELS |= {"tiny_ltx2": 17, "motif_dir": 9}
"""Frames of a clip, by tiny model."""
STREAMED = {"tiny_ltx": 25, "tiny_ltx2": 25, "tiny_ltx23": 25, "hunyuan15_dir": 17, "kandinsky5_dir": 29, "cosmos_dir": 17}
"""Those that encode a latent frame, or a window, at a time; and a clip of several."""


@pytest.mark.parametrize(
    ("adapter", "frames"),
    [pytest.param(name, count, marks=() if name in FAST else pytest.mark.slow) for name, count in MODELS.items()],
    indirect=["adapter"],
)
def test_what_is_encoded_is_decoded_as_the_autoencoder_alone_gives_it_back(adapter: Any, frames: int):
    clip = np.random.default_rng(0).integers(0, 256, (frames, 64, 64, 3), np.uint8)
    given = torch.tensor(clip).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    vae = adapter.vae
    with torch.no_grad():
        means = vae.encode(given).latent_dist.mode()
        timed = {"temb": torch.zeros(1)} if vae.config.get("timestep_conditioning") else {}
        back = vae.decode(means, return_dict=False, **timed)[0][0]
    wanted = back.div(2).add(0.5).clamp(0, 1).mul(255).round().permute(1, 2, 3, 0).numpy()
    assert isinstance(adapter, EncodingAdapter)
    assert adapter.facts.encodes
    got = np.stack(list(adapter.decode(adapter.encode_frames(iter(clip))))).astype(int)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= 1


def frames_of(count: int, side: int = 64) -> Any:
    """A clip, frame by frame."""
    random = np.random.default_rng(0)
    return (random.integers(0, 256, (side, side, 3), np.uint8) for _ in range(count))


@pytest.mark.parametrize(
    ("adapter", "frames"),
    [pytest.param(name, count, marks=() if name == "tiny_ltx" else pytest.mark.slow) for name, count in STREAMED.items()],
    indirect=["adapter"],
)
def test_a_clip_that_is_encoded_bit_by_bit_has_the_latents_of_the_whole(adapter: Any, frames: int):
    for count in (1, frames):
        clip = np.stack(list(frames_of(count)))
        given = torch.tensor(clip).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        with torch.no_grad():
            means = adapter.vae.encode(given).latent_dist.mode()
        wanted = in_scale(adapter.vae, means) if adapter.facts.name.startswith("Cosmos") else adapter.scaled(means)
        got = adapter.encode_frames(iter(clip))
        assert got.shape == wanted.shape
        assert (got - wanted).abs().max() < 2e-5 * max(1.0, float(wanted.abs().max()))


@pytest.mark.parametrize(
    "adapter",
    [pytest.param(name, marks=() if name == "tiny_ltx" else pytest.mark.slow) for name in STREAMED],
    indirect=True,
)
def test_memory_of_encoding_does_not_grow_with_the_clip(adapter: Any):
    peaks: list[int] = []
    for count in (33, 81):
        with LiveBytes() as memory:
            adapter.encode_frames(frames_of(count))
        peaks.append(memory.peak)
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["modelscope", "animatediff"])
def test_frames_that_are_decoded_one_by_one_are_encoded_so(models, family):
    from vstar_sdk import load_spec
    from vstar_sdk.runs.plan import make_plan

    spec = {"prompt": "a landscape", "model": models[family]}
    adapter: Any = make_plan(load_spec(spec)).source.load("cpu", "float32")
    clip = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    given = torch.tensor(clip).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        wanted = adapter.networks.vae.encode(given).latent_dist.mode() * adapter.networks.vae.config.scaling_factor
    assert (adapter.encode_frames(clip)[0].transpose(0, 1) - wanted).abs().max() < 1e-5
