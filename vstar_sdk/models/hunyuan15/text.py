"""The text of HunyuanVideo 1.5: two encoders' tokens and their masks, in one tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from vstar_sdk.models.diffusers.prompts import end_beyond


@dataclass(frozen=True)
class Lengths:
    """The number of tokens besides the video's, padding included.

    Attributes:
        prompt: of the prompt.
        glyphs: of the letters that are to be written in the picture.
        picture: of a first picture.
    """

    prompt: int = 1000
    glyphs: int = 256
    picture: int = 729


class Text(NamedTuple):
    """What the denoiser reads of some prompts.

    Attributes:
        prompt: of Qwen2.5-VL, ``(prompts, tokens, dim)``.
        prompt_mask: ``(prompts, tokens)``, 0 for padding.
        glyphs: of ByT5, the letters that are to be written in the picture: ``(prompts, tokens, dim)``.
        glyphs_mask: likewise.
    """

    prompt: Tensor
    prompt_mask: Tensor
    glyphs: Tensor
    glyphs_mask: Tensor

    def packed(self) -> Tensor:
        """All of it as one tensor ``(prompts, all tokens, dim + 1)``: the last channel is the mask."""
        width = max(self.prompt.shape[-1], self.glyphs.shape[-1])
        both = ((self.prompt, self.prompt_mask), (self.glyphs, self.glyphs_mask))
        parts = [torch.cat([pad(x, (0, width - x.shape[-1])), mask.to(x.dtype)[..., None]], dim=-1) for x, mask in both]
        return torch.cat(parts, dim=1)


def unpacked(text: Tensor, glyphs: int, dims: tuple[int, int]) -> Text:
    """What was packed.

    Args:
        text: see `Text.packed`.
        glyphs: tokens of the glyphs.
        dims: channels of the prompt and of the glyphs.
    """
    prompt, letters = text[:, :-glyphs], text[:, -glyphs:]
    return Text(prompt[..., : dims[0]], prompt[..., -1], letters[..., : dims[1]], letters[..., -1])


def cut_off(tokenizer: Any, prompt: str, tokens: int) -> str:
    """The end of a prompt that the denoiser does not read; "" when it reads all.

    Args:
        tokenizer: of Qwen2.5-VL.
        prompt: any text.
        tokens: that the denoiser reads.
    """
    return end_beyond(tokens, tokenizer, prompt, special=0)  # the pipeline reads so many of the prompt itself
