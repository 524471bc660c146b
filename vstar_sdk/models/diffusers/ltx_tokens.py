"""Latents as the tokens of LTX and LTX-2, and what reads their text."""

from __future__ import annotations

from torch import Tensor, nn

from vstar_sdk.errors import SamplerError
from vstar_sdk.models.family import DenoiserCall
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


def whole_frames(call: DenoiserCall, latents: str, pipelines: str) -> int:
    """Latent frames of a call, whose tokens must be these frames' and no others.

    Args:
        call: of the network.
        latents: its argument that holds the tokens.
        pipelines: whose tokens are such, for the message.

    Raises:
        SamplerError: the pipeline does not say how many frames they are, or has tokens that belong to no frame.
    """
    frames, height, width = (call.get(name) for name in ("num_frames", "height", "width"))
    tokens = call[latents].shape[1]
    if not frames or tokens != frames * height * width:
        raise SamplerError(
            f"the denoiser was called with {tokens} tokens, which are not known to be whole latent frames in order",
            hint=f"use a pipeline whose tokens are only those of the clip, such as {pipelines}",
        )
    return int(frames)


def readers(network: nn.Module, name: str) -> list[nn.Module]:
    """The cross-attentions of every block that have a name."""
    return [module for path, module in modules_of(network) if path.endswith(f".{name}")]
