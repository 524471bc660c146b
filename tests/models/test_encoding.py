"""Frames that are encoded and decoded come out as diffusers' autoencoder alone gives them back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from vstar_sdk.models.contract import EncodingAdapter

FAST = ("wan_21",)
MODELS = {"wan_21": 9, "cogvideox_5b": 17, "hunyuan15_dir": 9, "kandinsky5_dir": 9, "mochi_dir": 13, "tiny_ltx": 17}
MODELS |= {"tiny_ltx2": 17, "motif_dir": 9}
"""Frames of a clip, by tiny model."""


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
