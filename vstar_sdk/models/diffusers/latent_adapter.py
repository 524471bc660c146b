"""Models whose decoder takes the latents of a whole clip, loaded: what their adapters share."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vstar_sdk.models.contract import Facts
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.weights.directory import weight_hashes


@dataclass(frozen=True, kw_only=True)
class LatentAdapter:
    """A `vstar_sdk.models.contract.SamplingAdapter`, but for its family, its text, its calls and its decoding.

    Attributes:
        facts: what was known of it before it was loaded.
        directory: that it was loaded from.
        denoiser: a network of diffusers.
        vae: with ``spatial_compression_ratio`` and ``latent_channels``.
        placement: of all components.
    """

    facts: Facts
    directory: Path
    denoiser: Any
    vae: Any
    placement: Placement

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.placement.device

    @property
    def scheduler_config(self) -> Mapping[str, Any]:
        """The configuration that every scheduler is built from."""
        return self.facts.scheduler_config

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path in the model's directory."""
        return weight_hashes(self.directory)

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, ...]:
        """Shape ``(1, channels, latent frames, height, width)`` of the latents of a clip of ``height`` by ``width`` pixels."""
        factor: int = self.vae.spatial_compression_ratio
        latents = self.facts.clock(frames, self.facts.fps).latents
        return (1, self.vae.config["latent_channels"], latents, height // factor, width // factor)

    @contextmanager
    def sampling(self) -> Generator[None]:
        """Open around all the calls of `denoise` in a run; see `vstar_sdk.models.contract.SamplingAdapter`."""
        with self.placement.using(self.denoiser):
            yield
