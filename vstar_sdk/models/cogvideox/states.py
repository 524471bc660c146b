"""The text of several key states in one sequence of CogVideoX."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.folded_states import folded_states


def text_of_states(network: Any, states: int, tokens: int) -> AbstractContextManager[None]:
    """While it is open, a ``CogVideoXTransformer3DModel`` takes the text of several key states, one after the other.

    Its embedding of text and picture has positions for one text: it is made for each state by itself, and the picture's is that
    of the first.

    Args:
        network: it.
        states: how many there are.
        tokens: of each.
    """

    def joined(embedded: Tensor) -> Tensor:
        return torch.cat([embedded[:, :, :tokens].flatten(1, 2), embedded[:, 0, tokens:]], dim=1)

    return folded_states(network.patch_embed, states, {0}, joined)
