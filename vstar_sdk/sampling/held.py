"""Known latents that are held at some frames through the schedule, while the others are made around them.

As in inpainting by replacement (Song et al., ICLR 2021, arXiv 2011.13456; Lugmayr et al., CVPR 2022, arXiv 2201.09865): before
every step the known frames are at that step's level of noise, with one noise that stays the same, and behind the last step they
are clean.

By itself that leaves a jump. At the highest levels, where the layout of a clip is decided, the known frames are little but
noise, so that the others decide without them. These are therefore led: as long as the noise is high, a frame that is made is what
lies between its known neighbours, noised to the level of the step, as in SDEdit (Meng et al., ICLR 2022, arXiv 2108.01073). The
farther it is from a known frame, the sooner it is left to the model.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Held:
    """What is held, and where.

    Attributes:
        frames: latent frames of the clip, ascending, at least one.
        clean: the known latents, ``(1, channels, len(frames), height, width)``, float32, on the model's device.
        noise: standard normal, of that shape.
        lead: how long the other frames are led by them: of S steps, a frame at the distance ``d`` is led at the beginning of step
            i when ``i < round(lead S / d)``. 0 leads none.
        bare: of the frames, those that have no noise in any step, because the network was trained to be given them so. They lead
            none.
    """

    frames: tuple[int, ...]
    clean: Tensor
    noise: Tensor
    lead: float = 0.0
    bare: frozenset[int] = frozenset()

    def ended(self, latents: Tensor) -> Tensor:
        """The clean latents of the whole clip, ``(1, channels, frames, height, width)``, with the known ones in their places."""
        return _placed(latents, self.frames, self.clean)

    def begun(self, latents: Tensor, index: int, steps: int, noise: Tensor, noised: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The latents that a step begins with: the known ones and those that they lead in their places, the others as they are.

        Args:
            latents: of the whole clip, ``(1, channels, frames, height, width)``; unchanged.
            index: of the step.
            steps: of the schedule.
            noise: of the whole clip, for the frames that are led.
            noised: from clean latents and noise to those at the step's level.
        """
        led = self.led(index, steps, latents.shape[2])
        if led:
            guess = torch.stack([self.between(frame) for frame in led], dim=2)
            latents = _placed(latents, led, noised(guess, noise[:, :, list(led)]))
        latents = _placed(latents, self.frames, noised(self.clean, self.noise))
        bare = [at for at, frame in enumerate(self.frames) if frame in self.bare]
        return _placed(latents, [self.frames[at] for at in bare], self.clean[:, :, bare]) if bare else latents

    def led(self, index: int, steps: int, count: int) -> tuple[int, ...]:
        """The frames that are led at the beginning of a step.

        Args:
            index: of the step.
            steps: of the schedule.
            count: latent frames of the clip.
        """
        leading = [frame for frame in self.frames if frame not in self.bare]
        if not leading:
            return ()
        far = {frame: min(abs(frame - known) for known in leading) for frame in range(count) if frame not in self.bare}
        return tuple(frame for frame, distance in far.items() if distance and index < round(self.lead * steps / distance))

    def between(self, frame: int) -> Tensor:
        """What lies between the known neighbours of a frame, in a straight line; outside of them, the nearest.

        Args:
            frame: that is not known.

        Returns:
            ``(1, channels, height, width)``.
        """
        after = bisect_left(self.frames, frame)
        if after in (0, len(self.frames)):
            return self.clean[:, :, min(after, len(self.frames) - 1)]
        left, right = self.frames[after - 1], self.frames[after]
        return torch.lerp(self.clean[:, :, after - 1], self.clean[:, :, after], (frame - left) / (right - left))


def _placed(latents: Tensor, frames: Sequence[int], those: Tensor) -> Tensor:
    return latents.index_copy(2, torch.tensor(frames, device=latents.device), those.to(latents.dtype))
