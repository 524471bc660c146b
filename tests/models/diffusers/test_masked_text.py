"""Texts of different lengths, mixed."""

from __future__ import annotations

import torch

from vstar_sdk.models.diffusers.masked_text import with_presence, without_presence
from vstar_sdk.texts.mixture import mixture


def attend(query, text):
    embeddings, bias = without_presence(text)
    return (query @ embeddings.mT + bias[..., None, :]).softmax(-1) @ embeddings


def test_an_unmixed_text_is_the_models_own_with_its_mask():
    embeddings, mask = torch.randn(5, 3), torch.tensor([True, True, True, False, False])
    own, bias = without_presence(with_presence(embeddings, mask))
    assert torch.equal(own[:3], embeddings[:3])
    assert bias.tolist() == [0.0, 0.0, 0.0, -10000.0, -10000.0]


def test_padding_is_never_read_whatever_it_holds():
    query, embeddings = torch.randn(2, 3), torch.randn(5, 3)
    mask = torch.tensor([1, 1, 1, 0, 0])
    other = torch.where(mask[:, None] > 0, embeddings, 100.0)
    assert torch.equal(attend(query, with_presence(embeddings, mask)), attend(query, with_presence(other, mask)))


def test_tokens_that_one_text_has_alone_count_as_much_as_its_share():
    """Three quarters of a text of two tokens and a quarter of one of three: the third token has a quarter of its weight."""
    short = with_presence(torch.tensor([[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]), torch.tensor([1, 1, 0]))
    long = with_presence(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), torch.tensor([1, 1, 1]))
    mixed = mixture([[0.75, 0.25]], ["short", "long"], torch.stack([short, long]))
    query = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    values = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    weights = (query @ values.mT).exp() * torch.tensor([1.0, 1.0, 0.25])
    wanted = weights / weights.sum() @ values
    torch.testing.assert_close(attend(query.float(), mixed[0]), wanted.float())
