"""Texts whose padding is masked, so that they can be mixed: embeddings with one more channel, which says how much is there.

A prompt ends somewhere, and what an encoder gives behind its end must not be read. Where two prompts of different lengths are
mixed, the longer one's last tokens are there in part: as much as its share. In an attention a share ``s`` of a token counts as
``log s`` on its logit, which is its weight times ``s``: nothing for 1, and never read for 0, as in the model's own mask.
"""

from __future__ import annotations

import torch
from torch import Tensor

NEVER = -10000.0
"""What diffusers adds to the logits of padding."""


def with_presence(embeddings: Tensor, mask: Tensor) -> Tensor:
    """Embeddings that can be mixed.

    Args:
        embeddings: ``(..., tokens, dim)``.
        mask: ``(..., tokens)``, 1 where there is text and 0 in the padding.

    Returns:
        ``(..., tokens, dim + 1)``: nothing in the padding, and the mask.
    """
    present = mask.to(embeddings)[..., None]
    return torch.cat([embeddings * present, present], dim=-1)


def without_presence(text: Tensor) -> tuple[Tensor, Tensor]:
    """What `with_presence` made, or a mixture of such: the embeddings, and the bias of each token.

    Args:
        text: ``(..., tokens, dim + 1)``.

    Returns:
        ``(..., tokens, dim)``, and ``(..., tokens)`` for the logits.
    """
    embeddings, present = text[..., :-1], text[..., -1:]
    there = present > 0
    own = embeddings / torch.where(there, present, torch.ones_like(present))
    return own, torch.where(there, present.log(), torch.full_like(present, NEVER))[..., 0]
