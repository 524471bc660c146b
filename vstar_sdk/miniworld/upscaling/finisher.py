"""``miniworld-upscale`` among the finishers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage


class MiniworldUpscaleOptions(Options):
    """Pictures of the embedded world twice as large, by a network that was trained on its renders; it knows no others."""


class MiniworldUpscale:
    """Enlarges every frame by 2, by the network of `vstar_sdk.miniworld.upscaling`, on the CPU."""

    def __init__(self, options: MiniworldUpscaleOptions) -> None:
        pass

    def plan(self, clip: Footage) -> Footage:
        """Twice as wide and as high; number and rate stay."""
        return replace(clip, width=2 * clip.width, height=2 * clip.height)

    def finish(self, frames: Iterator[NDArray[np.uint8]], clip: Footage) -> Iterator[NDArray[np.uint8]]:
        """Enlarge frame by frame; none is held. The network is loaded with the first."""
        from vstar_sdk.miniworld.upscaling.network import upscaler

        network = upscaler()
        for frame in frames:
            yield network.enlarge(frame)


@hookimpl
def register_finishers(register: Register) -> None:
    """Offer ``miniworld-upscale``."""
    register(
        "miniworld-upscale",
        options=MiniworldUpscaleOptions,
        factory=MiniworldUpscale,
        summary="Pictures of the embedded world twice as large, by a small network that was trained on its renders.",
    )
