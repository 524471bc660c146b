"""Palettes that outlive a process: kept by the decoder, and found again where they cannot be read."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from vstar_sdk import Session
from vstar_sdk.previews import Palette
from vstar_sdk.runs.palettes import fingerprint, palette_of

LATENTS = np.random.default_rng(0).normal(size=(4, 3, 6, 8)).astype(np.float32)


def decode(latents):
    yield np.zeros((48, 64, 3), np.uint8) + np.uint8(9)


class Decoder(nn.Module):
    def __init__(self, scale: float, name: str = "x"):
        super().__init__()
        self.config = {"scaling_factor": scale, "_name_or_path": name}
        self.norm = nn.LayerNorm(4)


@pytest.fixture
def adapter():
    """What a palette asks of a loaded model."""
    facts = SimpleNamespace(frames=9, height=48, width=64)
    return SimpleNamespace(vae=Decoder(1.0), facts=facts, latent_shape=lambda *clip: (1, 4, 3, 6, 8))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VSTAR_CACHE_DIR", str(tmp_path))
    return tmp_path / "previews"


def test_another_process_knows_what_one_found(cache, adapter):
    palette_of(adapter).fitted(1.0, LATENTS, decode)
    assert len(list(cache.iterdir())) == 1
    again = palette_of(adapter)
    assert again.sums is not None
    assert again.sums.clips == 1
    preview = LATENTS.transpose(1, 2, 3, 0) @ again.sums.colours()[:-1] + again.sums.colours()[-1]
    np.testing.assert_allclose(preview, 9, atol=1e-3)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"clips": 0, "inputs": [], "outputs": []}',
        b'{"clips": 1, "inputs": [[1]], "outputs": [[1, 2, 3]]}',
        b'{"clips": 1, "inputs": [[1], [1, 2]], "outputs": [[1, 2, 3]]}',
        json.dumps({"clips": 1, "inputs": [[float("nan")] * 5] * 5, "outputs": [[0.0] * 3] * 5}).encode(),
    ],
)
def test_a_damaged_file_is_written_again(cache, adapter, content):
    palette_of(adapter).fitted(1.0, LATENTS, decode)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(content)
    palette = palette_of(adapter)
    assert palette.sums is None
    palette.fitted(1.0, LATENTS, decode)
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_fault(cache, adapter):
    cache.write_text("in the way")
    palette = palette_of(adapter)
    palette.fitted(1.0, LATENTS, decode)
    assert palette.sums is not None


def test_an_adapter_that_shows_no_decoder_keeps_nothing(cache):
    assert palette_of(cast(Any, object())) == Palette()
    assert not cache.exists()


def test_the_fingerprint_is_of_configuration_and_weights_and_not_of_the_path():
    of = fingerprint(Decoder(1.0))
    assert of == fingerprint(Decoder(1.0, "elsewhere")) == fingerprint(Decoder(1.0).to(torch.float16))
    changed = Decoder(1.0)
    nn.init.constant_(changed.norm.bias, 1e-3)
    assert len({of, fingerprint(Decoder(2.0)), fingerprint(changed)}) == 3


def test_a_session_goes_on_with_what_an_earlier_one_learned(cache):
    spec = {"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 1}}
    for known in range(2):
        with Session() as session:
            session.start(spec, previews=True).result()
        (file,) = cache.iterdir()
        assert json.loads(file.read_bytes())["clips"] == known + 1


def test_without_previews_nothing_is_learned(session, cache):
    session.run({"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 1}})
    assert not cache.exists()
