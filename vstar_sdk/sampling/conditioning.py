"""What the denoiser is told: the text of every frame, and the negative prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Conditioning:
    """Text as the denoiser sees it.

    Attributes:
        text: ``(frames, tokens, dim)``, one for each latent frame; with a bias those of the key states,
            ``(states, tokens, dim)``.
        negative: ``(tokens, dim)``: the negative prompt, shared by all frames.
        bias: ``(frames, states)``, float64: what is added to the logits of a frame's tokens with the text of a state; None where
            every frame has a text of its own.
    """

    text: Tensor
    negative: Tensor
    bias: Tensor | None = None

    def sequences(self) -> tuple[Tensor, Tensor]:
        """The text as it reaches the denoiser, and the negative prompt in the same form.

        Returns:
            ``(frames, tokens, dim)`` and ``(tokens, dim)``. Where key states are read with a bias all frames read one sequence,
            ``(1, states * tokens, dim)``, and the negative prompt stands in the place of the first state, with zeros behind it.
        """
        if self.bias is None:
            return self.text, self.negative
        states, tokens, _ = self.text.shape
        negative = self.negative.new_zeros((states * tokens, self.negative.shape[1]))
        negative[:tokens] = self.negative
        return self.text.flatten(0, 1)[None], negative
