"""Models whose frames are decoded one by one and whose text encoder is CLIP's, loaded: what their adapters share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vstar_sdk.models.diffusers.clip_text import ClipText
from vstar_sdk.models.diffusers.compiled import compile_denoiser, compile_errors
from vstar_sdk.models.diffusers.decoding import decode_frames
from vstar_sdk.models.diffusers.encoding import encode_pictures
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.family import Family
from vstar_sdk.models.pipeline_options import FramewiseOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Networks:
    """The parts of such a model, placed and ready to run.

    Attributes:
        denoiser: a network of diffusers that takes ``(videos, channels, frames, height, width)``.
        vae: an ``AutoencoderKL``.
        text: the text encoder with its tokenizer.
        placement: of all three.
    """

    denoiser: Any
    vae: Any
    text: ClipText
    placement: Placement


def place(denoiser: Any, vae: Any, text_encoder: Any, tokenizer: Any, device: str, options: FramewiseOptions) -> Networks:
    """Put loaded networks where they compute, with the options of memory and speed.

    Args:
        denoiser: see `Networks`.
        vae: likewise.
        text_encoder: a ``CLIPTextModel``.
        tokenizer: a ``CLIPTokenizer``.
        device: a torch device.
        options: memory and speed.
    """
    if options.tiling:
        vae.enable_tiling()
    placement = Placement((text_encoder, denoiser, vae), device, options.offload)
    if options.compile:
        compile_denoiser(denoiser)
    return Networks(denoiser=denoiser, vae=vae, text=ClipText(tokenizer, text_encoder, placement), placement=placement)


@dataclass(frozen=True)
class FramewiseAdapter(ABC):
    """A `vstar_sdk.models.contract.SamplingAdapter`, except its family, its weights and how its network is called.

    Attributes:
        facts: what was known of it before it was loaded.
        networks: its parts.
        options: memory and speed.
    """

    facts: Facts
    networks: Networks
    options: FramewiseOptions

    @property
    @abstractmethod
    def family(self) -> Family:
        """What nursing needs to know of the denoiser."""

    @property
    def vae(self) -> Any:
        """The decoder."""
        return self.networks.vae

    @abstractmethod
    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its name."""

    @abstractmethod
    def prepared(self) -> AbstractContextManager[None]:
        """Hooks and buffers that the denoiser needs while it is called. Opened again inside itself, it changes nothing."""

    @abstractmethod
    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """Call the denoiser, which is prepared and on the device.

        Args:
            latents: ``(branches, channels, frames, height, width)``, in its precision.
            timestep: 0-d.
            text: ``(branches, frames, tokens, dim)``, in its precision.

        Returns:
            Its prediction.
        """

    @property
    def denoiser(self) -> Any:
        """The network whose attention is nursed."""
        return self.networks.denoiser

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.networks.placement.device

    @property
    def scheduler_config(self) -> Mapping[str, Any]:
        """The configuration that every scheduler is built from."""
        return self.facts.scheduler_config

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Text embeddings ``(prompts, tokens, dim)``: see `ClipText.encode`."""
        return self.networks.text.encode(prompts)

    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that the text encoder does not see; "" when it sees all."""
        return self.networks.text.cut_off(prompt)

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, ...]:
        """Shape ``(1, channels, frames, height, width)`` of the latents of a clip of ``height`` by ``width`` pixels."""
        vae = self.networks.vae.config
        factor = 2 ** (len(vae["block_out_channels"]) - 1)
        return (1, vae["latent_channels"], frames, height // factor, width // factor)

    @contextmanager
    def sampling(self) -> Generator[None]:
        """Open around all the calls of `denoise` in a run; see `vstar_sdk.models.contract.SamplingAdapter`."""
        with self.networks.placement.using(self.denoiser), self.prepared():
            yield

    @torch.no_grad()
    def denoise(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """One call of the denoiser.

        Args:
            latents: ``(branches, channels, frames, height, width)``.
            timestep: 0-d.
            text: ``(branches, frames, tokens, dim)``.

        Returns:
            The prediction, of the latents' shape and precision.

        Raises:
            SamplerError: the denoiser is to be compiled, and cannot be.
            ModelError: the clip is longer than the network can be made to reach.
        """
        dtype = self.denoiser.dtype
        with self.sampling(), compile_errors():
            predicted = self.predict(latents.to(dtype), timestep, text.to(dtype))
        return predicted.to(latents.dtype)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Frames ``(height, width, 3)``, a batch of them at a time: no frame depends on another.

        Args:
            latents: ``(1, channels, frames, height, width)``.
        """
        return decode_frames(self.networks.vae, latents, self.networks.placement, self.options.decode_batch)

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """Latents ``(1, channels, frames, height, width)``, a batch of frames at a time: no latent depends on another.

        Args:
            frames: ``(height, width, 3)``, RGB, uint8.
        """
        return encode_pictures(self.networks.vae, frames, self.networks.placement, self.options.decode_batch, self.means)

    def means(self, pictures: Tensor) -> Tensor:
        """The means of the latents of pictures ``(frames, 3, height, width)``, in the encoder's scale."""
        return self.networks.vae.encode(pictures).latent_dist.mode()
