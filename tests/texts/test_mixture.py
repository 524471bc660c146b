"""The text of every frame, from the states' embeddings and the timeline's weights."""

from __future__ import annotations

import pytest
import torch

from vstar_sdk.synopses import State
from vstar_sdk.texts.mixture import mixture
from vstar_sdk.timeline import build

E = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))


def weights(states: int, frames: int = 13):
    return build([State("x")] * states, frames, 8.0, "linear").weights


def test_it_is_the_weights_times_the_embeddings():
    expected = torch.einsum("fs,std->ftd", torch.tensor(weights(3), dtype=torch.float64), E.double())
    assert torch.allclose(mixture(weights(3), ["a", "b", "c"], E).double(), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equal_prompts_give_exactly_their_embedding(dtype):
    same = E[:1].expand(3, -1, -1).to(dtype)
    assert torch.equal(mixture(weights(3), ["a", "a", "a"], same), same[:1].expand(13, -1, -1))


def test_a_prompt_that_comes_back_is_blended_as_itself():
    back = mixture(weights(3), ["a", "b", "a"], E[[0, 1, 0]])
    assert torch.allclose(back, mixture(weights(3), ["a", "b", "c"], E[[0, 1, 0]]), atol=1e-6)


def test_half_precision_is_rounded_once():
    half = E.to(torch.bfloat16)
    assert torch.equal(mixture(weights(3), ["a", "b", "c"], half), mixture(weights(3), ["a", "b", "c"], half.float()).bfloat16())
