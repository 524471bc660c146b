"""What the tests of all methods share: attention written out in float64, and a session with the embedded model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from vstar_sdk import Session


class Attention:
    """Random queries, keys and values of some positions, and the attention over their frames, each row written out."""

    def __init__(self, frames: int, positions: int = 6, heads: int = 2, head_dim: int = 4) -> None:
        generator = torch.Generator().manual_seed(frames)
        self.query, self.key, self.value = torch.randn(3, positions, heads, frames, head_dim, generator=generator)
        self.frames = frames

    @property
    def qkv(self) -> tuple[Tensor, Tensor, Tensor]:
        """Float32, as a model has them."""
        return self.query, self.key, self.value

    @property
    def logits(self) -> Tensor:
        """``Q K^T / sqrt(d)``, float64."""
        return self.query.double() @ self.key.double().mT / math.sqrt(self.query.shape[-1])

    @property
    def distance(self) -> Tensor:
        """``i - j``, float64."""
        place = torch.arange(self.frames, dtype=torch.float64)
        return place[:, None] - place

    def out(self, logits: Tensor) -> Tensor:
        """``softmax(A) V``, float64."""
        return logits.softmax(-1) @ self.value.double()

    @property
    def plain(self) -> Tensor:
        """What the model has without any method, to the bit."""
        return torch.nn.functional.scaled_dot_product_attention(*self.qkv)


@pytest.fixture
def attention() -> type[Attention]:
    """Makes random attentions."""
    return Attention


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    """One for all tests: the model is loaded once."""
    with Session() as shared:
        yield shared


@pytest.fixture(scope="session")
def story() -> dict[str, Any]:
    """A short run of the embedded model."""
    clip = {"prompt": "a landscape from winter to autumn", "frames": 16, "size": [32, 32]}
    return clip | {"sampling": {"steps": 2}, "regularizers": []}
