"""The one text of networks in which text and video share one attention."""

from __future__ import annotations

import torch
from torch import Tensor

from vstar_sdk.errors import SamplerError
from vstar_sdk.models.one_text import REASON, REMEDY


def text_of_all_frames(text: Tensor, model: str) -> Tensor:
    """What all frames of a video say alike.

    The tokens of text change from block to block with what they see of all frames. A text for every frame would need as many
    copies of the sequence, each with other frames than the model has, so that nothing of the kind would be exact.

    Args:
        text: ``(videos, frames, tokens, dim)``.
        model: for messages.

    Returns:
        ``(videos, tokens, dim)``.

    Raises:
        SamplerError: the frames of a video have different texts.
    """
    first = text[:, 0]
    if text.stride(1) and not torch.equal(text, first[:, None].expand_as(text)):
        raise SamplerError(f"{model} was given several texts for the frames of one video; {REASON}", hint=REMEDY)
    return first
