"""Known latents that are held at some frames through the schedule, while the others are made around them.

As in inpainting by replacement (Song et al., ICLR 2021, arXiv 2011.13456; Lugmayr et al., CVPR 2022, arXiv 2201.09865):
before every step the known frames are at that step's level of noise, with one noise that stays the same, and behind the last
step they are clean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Held:
    """What is held, and where.

    Attributes:
        frames: latent frames of the clip, ascending.
        clean: the known latents, ``(1, channels, len(frames), height, width)``, float32, on the model's device.
        noise: standard normal, of that shape.
    """

    frames: tuple[int, ...]
    clean: Tensor
    noise: Tensor

    def onto(self, latents: Tensor, noised: Callable[[Tensor, Tensor], Tensor] | None) -> Tensor:
        """The latents with the known frames in their places.

        Args:
            latents: of the whole clip, ``(1, channels, frames, height, width)``; unchanged.
            noised: from clean latents and noise to those at the level of the latents; None: they are clean.
        """
        known = self.clean if noised is None else noised(self.clean, self.noise)
        places = torch.tensor(self.frames, device=latents.device)
        return latents.index_copy(2, places, known.to(latents.dtype))
