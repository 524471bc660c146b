"""What the network of MiniMax-H3 is called with for one video."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from vstar_sdk.models.minimax_h3.processor import MiniMaxH3Processor
from vstar_sdk.models.minimax_h3.sequence import CHANNELS, places
from vstar_sdk.models.minimax_h3.sites import PATCH, minimax_h3_sites
from vstar_sdk.models.minimax_h3.text import states_told_apart


def rows_of(latents: Tensor) -> Tensor:
    """Latents ``(1, channels, frames, height, width)`` as tokens ``(1, tokens, channels * 4)``, frame by frame and row by row."""
    apart = torch.unflatten(torch.unflatten(latents, 4, (-1, PATCH)), 3, (-1, PATCH))
    return apart.permute(0, 2, 3, 5, 1, 4, 6).flatten(4).flatten(1, 3)


def latents_of(rows: Tensor, like: Tensor) -> Tensor:
    """What `rows_of` made, of the shape of other latents."""
    _, channels, frames, height, width = like.shape
    apart = rows.reshape(1, frames, height // PATCH, width // PATCH, channels, PATCH, PATCH)
    return apart.permute(0, 4, 1, 2, 5, 3, 6).reshape(like.shape)


def call(
    network: Any, latents: Tensor, sound: Tensor, texts: Sequence[Tensor], levels: tuple[float, float], video: int = 0
) -> tuple[Tensor, Tensor]:
    """One call.

    Args:
        network: a ``MiniMaxH3Transformer3DModel``.
        latents: ``(1, channels, latent frames, height, width)``.
        sound: ``(tokens, channels)``, one channel of the sound after the other.
        texts: ``(1, tokens, dim)`` of each key state; the network needs one token at least.
        levels: how noisy video and sound are, from 0 to 1.
        video: which one of a batch it is.

    Returns:
        Where video and sound go, towards what is clean: of the shapes that came.
    """
    frames, height, width = latents.shape[2:]
    grid = (frames, height // PATCH, width // PATCH)
    counts, device = [text.shape[1] for text in texts], latents.device
    where = places(counts, grid, len(sound) // CHANNELS)
    times = torch.zeros_like(where.token_tags)
    times[where.audio_indices] = 1
    apart = states_told_apart(network, counts, len(sound)) if len(texts) > 1 else nullcontext()
    with apart, _video_told(network, frames * grid[1] * grid[2], video):
        ways: tuple[Tensor, Tensor] = network(
            hidden_states=rows_of(latents),
            audio_hidden_states=sound[None],
            encoder_hidden_states=torch.cat(list(texts), dim=1),
            timestep=torch.tensor([1.0 - level for level in levels], dtype=torch.float32, device=device),
            timestep_indices=times.to(device),
            return_dict=False,
            **{name: places_of.to(device) for name, places_of in where._asdict().items()},
        )
    return latents_of(ways[0], latents), ways[1][0]


@contextmanager
def _video_told(network: Any, tokens: int, video: int) -> Generator[None]:
    """While it is open, nursed attentions know how many tokens are the video's, and which one of the batch it is."""
    found = (network.get_submodule(site.name).processor for site in minimax_h3_sites(network.config))
    nursed = [processor for processor in found if isinstance(processor, MiniMaxH3Processor)]
    for processor in nursed:
        processor.video, processor.turn = tokens, video
    try:
        yield
    finally:
        for processor in nursed:
            processor.video = processor.turn = None
