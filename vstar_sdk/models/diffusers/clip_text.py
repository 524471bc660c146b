"""Text embeddings of a CLIP text encoder, as Stable Diffusion and related models are conditioned on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.prompts import end_beyond

if TYPE_CHECKING:
    from vstar_sdk.models.diffusers.placement import Placement


@dataclass(frozen=True)
class ClipText:
    """A text encoder with its tokenizer.

    Attributes:
        tokenizer: a ``CLIPTokenizer``.
        encoder: a ``CLIPTextModel``.
        placement: of the encoder.
    """

    tokenizer: Any
    encoder: Any
    placement: Placement

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """The last hidden states ``(prompts, tokens, dim)``.

        Each prompt is encoded by itself, so that its embedding does not depend on its neighbours; what exceeds the encoder's
        length is cut (see `cut_off`).
        """
        with self.placement.using(self.encoder):
            return torch.cat([self._encode(prompt) for prompt in prompts])

    def _encode(self, prompt: str) -> Tensor:
        length = self.tokenizer.model_max_length
        tokens = self.tokenizer(prompt, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        return self.encoder(tokens["input_ids"].to(self.placement.device)).last_hidden_state

    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that the encoder does not see; "" when it sees all."""
        return cut_off(self.tokenizer, prompt)


def cut_off(tokenizer: Any, prompt: str) -> str:
    """The end of a prompt that a CLIP text encoder does not see; "" when it sees all."""
    return end_beyond(tokenizer.model_max_length, tokenizer, prompt, special=2)
