"""What the networks of LTX and LTX-2 are given: latents as tokens, and a text for every latent frame."""

from __future__ import annotations

from torch import Tensor, nn

from vstar_sdk.models.modules import modules_of


def pack(latents: Tensor, patch: int) -> Tensor:
    """Latents as tokens.

    Args:
        latents: ``(videos, channels, frames, height, width)``.
        patch: rows and columns of a token.

    Returns:
        ``(videos, frames * rows * columns, channels * patch * patch)``, frame by frame.
    """
    videos, channels, frames, height, width = latents.shape
    parts = latents.reshape(videos, channels, frames, height // patch, patch, width // patch, patch)
    return parts.permute(0, 2, 3, 5, 1, 4, 6).flatten(4, 6).flatten(1, 3)


def unpack(tokens: Tensor, patch: int, frames: int, height: int, width: int) -> Tensor:
    """Tokens as latents: what `pack` was given.

    Args:
        tokens: ``(videos, frames * rows * columns, channels * patch * patch)``.
        patch: rows and columns of a token.
        frames: latent frames.
        height: of the latents.
        width: likewise.
    """
    parts = tokens.reshape(len(tokens), frames, height // patch, width // patch, -1, patch, patch)
    return parts.permute(0, 4, 1, 2, 5, 3, 6).flatten(5, 6).flatten(3, 4)


def readers(network: nn.Module, name: str = "attn2") -> list[nn.Module]:
    """The cross-attentions from the video to the text."""
    return [module for path, module in modules_of(network) if path.endswith(f".{name}")]
