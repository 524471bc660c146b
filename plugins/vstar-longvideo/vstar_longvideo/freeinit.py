"""FreeInit: noise whose low frequencies are those of a video (Wu et al., ECCV 2024, arXiv 2312.07537).

Models are trained on noised videos, which keep some of their low frequencies, and sample from pure noise, which has none of them.
The schedule is taken several times; each turn begins with the last one's clip, noised with the first noise, in the low
frequencies, and with fresh noise in the high ones::

    z_T = q(z_0, eps)
    z   = IFFT3(H FFT3(z_T) + (1 - H) FFT3(eta))           eta ~ N(0, 1)
    H   = 1 / (1 + (r / 0.25)^(2 n)),  r = sqrt(f_t^2 + f_y^2 + f_x^2),  n = 4, each f from 0 to 1, the highest frequency

It costs as many schedules as there are turns. Scenes and subjects become steadier, and less moves.

Models trained by flow matching, or to zero terminal SNR, begin with noise alone in training too, and nothing is left of a clip at
their first step: there it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from vstar_longvideo.spectrum import butterworth, low_pass, radius
from vstar_sdk import Options, SamplerError

if TYPE_CHECKING:
    from torch import Tensor

    from vstar_sdk import Denoising


_LEAST = 0.01
"""Amplitude of a clip at the first step, of the noise's: the models that the paper tested have 0.07."""


class FreeInitOptions(Options):
    """Options of `FreeInit`; the defaults are the paper's."""

    turns: int = Field(default=3, ge=1, le=20)
    """How often the schedule is taken; 1 is the sampler `single`, bit for bit."""
    order: int = Field(default=4, ge=1, le=16)
    """Of the Butterworth filter: how steeply low frequencies end."""
    cutoff: float = Field(default=0.25, gt=0, le=1)
    """Where the low frequencies of space end: 1 is a change with every latent pixel."""
    temporal_cutoff: float = Field(default=0.25, gt=0, le=1)
    """Where the low frequencies of time end: 1 is a change with every latent frame."""


class FreeInit:
    """A `vstar_sdk.Sampler` that takes the schedule several times.

    Args:
        options: the validated options.
    """

    def __init__(self, options: FreeInitOptions) -> None:
        self._options = options

    def steps(self, schedule: int) -> int:
        """See `vstar_sdk.Sampler.steps`."""
        return self._options.turns * schedule

    def sample(self, denoising: Denoising) -> Tensor:
        """See `vstar_sdk.Sampler.sample`.

        Raises:
            SamplerError: the first step leaves nothing of a clip.
        """
        if self._options.turns > 1:
            _check_begin(denoising)
        latents = denoising.noise
        for turn in range(denoising.memory.get("turn", 0), self._options.turns):
            denoising.memory["turn"] = turn
            noise = latents
            if latents is not denoising.noise:
                noised = denoising.add_noise(latents, denoising.noise, 0) / denoising.scale
                noise = self.mixed(noised, denoising.draw())
            latents, first = denoising.begin(noise)
            for index in range(first, len(denoising.timesteps)):
                latents = denoising.step(latents, index)
        return latents

    def mixed(self, low: Tensor, high: Tensor) -> Tensor:
        """``IFFT3(H FFT3(low) + (1 - H) FFT3(high))``.

        Args:
            low: ``(1, channels, frames, height, width)``, float32.
            high: likewise.
        """
        options = self._options
        keep = butterworth(radius(low.shape[2:], options.cutoff, options.temporal_cutoff, low.device), options.order)
        return high + low_pass(low - high, keep)


def _check_begin(denoising: Denoising) -> None:
    """Refuse a schedule that begins with noise alone, before time is spent on it."""
    none, one = 0 * denoising.noise, 0 * denoising.noise + 1
    clip, noise = (float(denoising.add_noise(*both, 0).abs().mean()) for both in ((one, none), (none, one)))
    if clip < _LEAST * noise:
        raise SamplerError(
            "freeinit: the first step of this schedule is nearly pure noise, so a pass cannot start from the last one's clip "
            f"({clip / noise:.1g} of the noise's amplitude)",
            hint="use the sampler single, or a scheduler that starts at a lower noise level (config: timestep_spacing: leading)",
        )
