"""What a row of equal blocks takes, and a decoder that streams, on the meta device: counted in part, and carried on exactly."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import torch

from vstar_sdk.models.diffusers.measuring import Cost, cost_of
from vstar_sdk.models.diffusers.streamed_decoding import stream


def stack_cost(network: Any, call: Callable[[], object], stack: str = "transformer_blocks") -> Cost:
    """What a call of a network takes whose blocks are equal: measured with one of them and with two.

    Args:
        network: on the meta device.
        call: calls it.
        stack: the name of its blocks.
    """
    blocks = getattr(network, stack)
    counted: list[Cost] = []
    try:
        for layers in (1, 2):
            setattr(network, stack, blocks[:layers])
            counted.append(cost_of(call))
    finally:
        setattr(network, stack, blocks)
    one, two = counted
    return Cost(one.flops + (two.flops - one.flops) * (len(blocks) - 1), two.peak_bytes)


def stream_cost(vae: Any, frames: int, height: int, width: int, dtype: torch.dtype) -> Cost:
    """What decoding a clip takes, see `vstar_sdk.models.diffusers.streamed_decoding`.

    Args:
        vae: on the meta device.
        frames: latent frames.
        height: of the latents.
        width: likewise.
        dtype: of the decoder.
    """
    timestep = 0.0 if vae.config["timestep_conditioning"] else None

    def decode(count: int) -> object:
        channels = vae.config["latent_channels"]
        latents = (torch.empty((1, channels, 1, height, width), dtype=dtype, device="meta") for _ in range(count))
        return deque(stream(vae, latents, timestep), maxlen=0)

    # Of each further latent frame it computes as much; from five on the whole decoder is at work at once.
    few = min(frames, 5)
    first, known = cost_of(lambda: decode(1)), cost_of(lambda: decode(few))
    more = (known.flops - first.flops) // max(1, few - 1)
    return Cost(known.flops + more * (frames - few), known.peak_bytes)
