"""What the denoiser is told: a text embedding for every frame, and the negative prompt's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Conditioning:
    """Text as the denoiser sees it.

    Attributes:
        text: ``(frames, tokens, dim)``: the key states' embeddings, blended by the timeline; of a model that compresses time,
            one for each latent frame.
        negative: ``(tokens, dim)``: the negative prompt, shared by all frames.
    """

    text: Tensor
    negative: Tensor
