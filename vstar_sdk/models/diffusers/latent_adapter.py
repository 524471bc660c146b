"""Models whose decoder takes the latents of a whole clip, loaded: what their adapters share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.caching import caching, named
from vstar_sdk.models.diffusers.encoding import encode_clip
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.transformer_loras import followed
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.family import Family
from vstar_sdk.models.loras import Lora
from vstar_sdk.models.pipeline_options import TransformerOptions
from vstar_sdk.weights.directory import file_hash, weight_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class LatentAdapter(ABC):
    """A `vstar_sdk.models.contract.SamplingAdapter`, except its family, its text, its calls and its decoding.

    Attributes:
        facts: what was known of it before it was loaded.
        directory: that it was loaded from.
        denoiser: a network of diffusers.
        vae: the decoder.
        text_encoder: a network of transformers.
        tokenizer: its tokenizer.
        placement: of all components.
        options: how it runs.
        loras: those in the denoiser.
    """

    facts: Facts
    directory: Path
    denoiser: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    placement: Placement
    options: TransformerOptions
    loras: tuple[Lora, ...] = ()

    @property
    @abstractmethod
    def family(self) -> Family:
        """What nursing needs to know of the denoiser."""

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.placement.device

    @property
    def scheduler_config(self) -> Mapping[str, Any]:
        """The configuration that every scheduler is built from."""
        return self.facts.scheduler_config

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path in the model's directory, and of LoRAs by their number and name."""
        added = {f"loras/{number}/{lora.file.name}": file_hash(lora.file) for number, lora in enumerate(self.loras)}
        quantized = self.options.quantized
        if quantized is not None and quantized.how is None:
            names = ("transformer", "transformer_2")[: len(self.networks)]
            added |= {f"gguf/{name}": file_hash(quantized.file(name)) for name in names}
        return {**weight_hashes(self.directory), **added}

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Text embeddings ``(prompts, tokens, dim)``.

        Each prompt is encoded by itself, so that its embedding does not depend on its neighbours; what exceeds the tokens that
        are read is cut (see `cut_off`).
        """
        with ExitStack() as using:
            for network in self.encoders:
                using.enter_context(self.placement.using(network))
            return torch.cat([self.encode_one(prompt) for prompt in prompts])

    @property
    def encoders(self) -> Sequence[Any]:
        """The networks that `encode_one` calls, on the device meanwhile."""
        return (self.text_encoder,)

    @abstractmethod
    def encode_one(self, prompt: str) -> Tensor:
        """The embedding of a prompt, ``(1, tokens, dim)``."""

    @abstractmethod
    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that is not read; "" when all is."""

    @property
    def latent(self) -> tuple[int, int]:
        """Channels of the latents, and pixels of a side to one."""
        return self.vae.config["latent_channels"], self.vae.spatial_compression_ratio

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, ...]:
        """Shape ``(1, channels, latent frames, height, width)`` of the latents of a clip of ``height`` by ``width`` pixels."""
        channels, factor = self.latent
        return (1, channels, self.facts.clock(frames, self.facts.fps).latents, height // factor, width // factor)

    def sampling(self) -> AbstractContextManager[None]:
        """Open around all the calls of `denoise` in a run; see `vstar_sdk.models.contract.SamplingAdapter`."""
        return self.placement.using(self.denoiser)

    @property
    def networks(self) -> Sequence[Any]:
        """The networks that share the schedule."""
        return (self.denoiser,)

    @property
    def remembers(self) -> tuple[str, ...]:
        """See `vstar_sdk.models.contract.RunningAdapter`."""
        return () if self.options.cache is None else (f"the cache {self.options.cache.use}",)

    @contextmanager
    def running(self, mixture: Sequence[Sequence[float]], steps: int) -> Generator[None]:
        """See `vstar_sdk.models.contract.RunningAdapter`: LoRAs follow the story, and a cache is empty."""
        with followed(self.denoiser, self.loras, mixture), caching(self.networks, self.options.cache, steps):
            yield

    def calling(self, branches: Sequence[str]) -> AbstractContextManager[None]:
        """See `vstar_sdk.models.contract.RunningAdapter`."""
        return named(self.networks if self.options.cache is not None else (), branches)

    @torch.no_grad()
    def denoise(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """One call of the denoiser.

        Args:
            latents: ``(branches, channels, latent frames, height, width)``.
            timestep: 0-d.
            text: ``(branches, latent frames, tokens, dim)``, see `encode`; the same for all frames where the family has one text.

        Returns:
            The prediction, of the latents' shape and precision.

        Raises:
            SamplerError: the frames of a branch have different texts, and the family has one.
        """
        with self.sampling():
            return self.predict(latents.to(self.denoiser.dtype), timestep, text).to(latents.dtype)

    @abstractmethod
    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """Call the denoiser, which is on the device.

        Args:
            latents: ``(branches, channels, latent frames, height, width)``, in its precision.
            timestep: 0-d.
            text: ``(branches, latent frames, tokens, dim)``, in the precision of the text encoder.

        Returns:
            Its prediction, of the latents' shape.
        """

    @abstractmethod
    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Frames ``(height, width, 3)``, decoded a few latent frames at a time.

        Args:
            latents: ``(1, channels, latent frames, height, width)``.
        """

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """Latents ``(1, channels, latent frames, height, width)``, in the denoiser's scale, float32.

        Args:
            frames: ``(height, width, 3)``, RGB, as many as a clip of the model may have.
        """
        return self.scaled(encode_clip(self.vae, frames, self.placement, tiling=self.options.tiling))

    def scaled(self, latents: Tensor) -> Tensor:
        """Latents of the encoder in the scale of the denoiser."""
        return latents * self.vae.config["scaling_factor"]
