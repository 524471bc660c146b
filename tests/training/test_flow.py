"""What the joint sibling is trained on: clips, texts, shares of noise, and the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPTextModel, CLIPTokenizer

from training.data import draw_clip
from training.denoiser import Batch
from training.flow import Flow, draw_levels, told_at_once
from training.latents import batch_of
from training.miniworld_dit import TOLD
from training.text import Captions, caption_table, embed, look_up, tell
from training.transformer import new_transformer
from vstar_sdk.miniworld.grammar import change_captions, families
from vstar_sdk.miniworld.parts import WEIGHTS


@pytest.fixture(scope="module")
def captions() -> Captions:
    return Captions(CLIPTokenizer.from_pretrained(WEIGHTS / "tokenizer"))


@pytest.fixture(scope="module")
def clips() -> list[Any]:
    random = np.random.default_rng(0)
    return [draw_clip(random, 16, told=TOLD) for _ in range(300)]


def test_so_many_clips_show_a_change_that_one_caption_tells(clips):
    told = np.mean([clip.change is not None for clip in clips])
    assert told == pytest.approx(TOLD, abs=0.09)
    rest = [float(np.ptp(clip.stages)) for clip in clips if clip.change is None]
    assert np.mean([size < 0.05 for size in rest]) == pytest.approx(0.42, abs=0.13)
    assert np.mean([size > 0.3 for size in rest]) == pytest.approx(0.23, abs=0.12)


def test_a_change_is_told_by_one_caption_or_frame_by_frame(clips, captions):
    clip = next(clip for clip in clips if clip.change is not None and np.ptp(clip.stages) > 0.6)
    once = tell(clip, np.random.default_rng(1), captions)
    assert len({*once.low, *once.high}) == 1
    assert not once.weight.any()
    family = families()[clip.family]
    first, last = (family.key(name) for name in clip.change)
    assert captions.lines[once.low[0]] in change_captions(family, first, last, clip.colour, clip.camera)
    each = [tell(clip, np.random.default_rng(seed), captions, at_once=False) for seed in range(8)]
    assert any(len({*telling.low}) > 1 for telling in each)
    batch = batch_of([clip], torch.zeros(1, 16, 16, 8, 8), np.random.default_rng(1), captions)
    assert told_at_once(batch).tolist() == [True]


def test_the_table_has_what_the_encoder_gives(captions):
    encoder = CLIPTextModel.from_pretrained(WEIGHTS / "text_encoder", dtype=torch.float32).eval()
    low, high, weight = torch.tensor([[3, 9], [20, 0]]), torch.tensor([[4, 9], [1, 7]]), torch.tensor([[0.25, 0], [1, 0.5]])
    table = caption_table(encoder, captions)
    assert table.shape == (len(captions.lines), 24, 64)
    with torch.no_grad():
        expected = embed(encoder, captions, low, high, weight)
    torch.testing.assert_close(look_up(table, low, high, weight), expected, atol=1e-5, rtol=0)


def test_shares_of_noise_lean_to_noise_where_one_caption_tells_the_clip():
    levels = draw_levels(torch.arange(40000) % 2 == 0, torch.Generator().manual_seed(0))
    once, each = levels[::2], levels[1::2]
    # P(s > .8): of the shifted part 1 - u with u = .8 / (shift - .8 (shift - 1)).
    for found, uniform, shift in ((once, 0.3, 6.0), (each, 0.5, 3.0)):
        expected = uniform * 0.2 + (1 - uniform) * (1 - 0.8 / (shift - 0.8 * (shift - 1)))
        assert float((found > 0.8).float().mean()) == pytest.approx(expected, abs=0.012)
    assert levels.min() >= 0
    assert levels.max() <= 1


def test_the_loss_is_the_velocitys(captions):
    """Of a network whose output is zero it is the mean square of noise minus latents, at every share of noise."""
    model = Flow(new_transformer(small=True), torch.zeros(5, 24, 64))
    latents = torch.full((2, 3, 16, 8, 8), 2.0)
    ones = torch.ones(2, 3, dtype=torch.long)
    batch = Batch(latents, ones, ones, torch.zeros(2, 3))
    for level in (0.3, 0.95):
        with torch.no_grad():
            assert float(model.loss(batch, torch.Generator().manual_seed(0), level)) == pytest.approx(1 + 4, abs=0.1)


def test_the_network_sees_noise_and_latents_in_their_shares():
    class Seen(torch.nn.Module):
        def forward(self, noisy, timestep, text, return_dict):
            del text, return_dict
            self.noisy, self.timestep = noisy, timestep
            return (torch.zeros_like(noisy),)

    seen, ones = Seen(), torch.ones(1, 200, dtype=torch.long)
    batch = Batch(torch.full((1, 200, 16, 8, 8), 5.0), ones, ones, torch.zeros(1, 200))
    Flow(seen, torch.zeros(5, 24, 64)).loss(batch, torch.Generator().manual_seed(0), 0.8)
    assert seen.timestep.tolist() == pytest.approx([800])
    assert seen.noisy.shape == (1, 16, 200, 8, 8)
    assert float(seen.noisy.mean()) == pytest.approx(0.2 * 5, abs=0.02)
    assert float(seen.noisy.std()) == pytest.approx(0.8, abs=0.02)
