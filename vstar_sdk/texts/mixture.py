"""The mixture of key states' embeddings that every frame has (VSTAR, video synopsis prompting)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def mixture(weights: Sequence[Sequence[float]], prompts: Sequence[str], embeddings: Tensor) -> Tensor:
    """The text of every frame: ``weights @ embeddings``.

    The weights of equal prompts are added before anything is multiplied: where they are all equal, nothing is rounded, and every
    frame has exactly the embedding of the one prompt.

    Args:
        weights: ``(frames, states)``, of a `vstar_sdk.timeline.Timeline`.
        prompts: of the states.
        embeddings: of the prompts, ``(states, tokens, dim)``.

    Returns:
        ``(frames, tokens, dim)``, in the embeddings' precision.
    """
    import torch

    rows = torch.tensor(weights, dtype=torch.float64, device="cpu")
    blended = torch.zeros(len(rows), *embeddings.shape[1:], dtype=torch.float32, device=embeddings.device)
    for prompt in dict.fromkeys(prompts):
        states = [state for state, other in enumerate(prompts) if other == prompt]
        share = rows[:, states].sum(dim=1).to(torch.float32).to(embeddings.device)
        # One by one: a matrix product may be computed in lower precision on a GPU.
        blended += share[:, None, None] * embeddings[states[0]].to(torch.float32)
    return blended.to(embeddings.dtype)
