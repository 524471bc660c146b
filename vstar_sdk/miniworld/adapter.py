"""The embedded model, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vstar_sdk.miniworld.networks.autoencoder import Autoencoder
from vstar_sdk.miniworld.networks.loading import load_weights, skip_idle
from vstar_sdk.miniworld.networks.text_encoder import TextEncoder
from vstar_sdk.miniworld.networks.unet import UNet
from vstar_sdk.miniworld.prompts import Prompts, load_tokenizer
from vstar_sdk.models.diffusers.compiled import compile_denoiser
from vstar_sdk.models.diffusers.framewise_adapter import FramewiseAdapter, Networks
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.unet3d.family import UNET3D, UNet3DFamily
from vstar_sdk.weights.directory import weight_hashes


@dataclass(frozen=True)
class MiniworldAdapter(FramewiseAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        directory: that it was loaded from.
    """

    directory: Path

    @property
    def family(self) -> UNet3DFamily:
        """What nursing needs to know of the denoiser."""
        return UNET3D

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path in the model's directory."""
        return weight_hashes(self.directory)

    def prepared(self) -> AbstractContextManager[None]:
        """See `FramewiseAdapter.prepared`: nothing is needed, for the network takes a text for every frame."""
        return nullcontext()

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `FramewiseAdapter.predict`."""
        return self.denoiser(latents, timestep, text.flatten(0, 1))

    def means(self, pictures: Tensor) -> Tensor:
        """See `FramewiseAdapter.means`."""
        return self.networks.vae.encode(pictures)


def load(directory: Path, facts: Facts, device: str, dtype: str, options: FramewiseOptions) -> MiniworldAdapter:
    """Load the model.

    Args:
        directory: in diffusers format.
        facts: what is known of it.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        options: memory and speed, without tiling.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    precision = getattr(torch, dtype)
    tokenizer = load_tokenizer(directory / "tokenizer" / "tokenizer.json")
    denoiser = load_weights(UNet, directory, "unet", "diffusion_pytorch_model.safetensors", precision)
    skip_idle(denoiser)
    vae = load_weights(Autoencoder, directory, "vae", "diffusion_pytorch_model.safetensors", precision)
    encoder = load_weights(TextEncoder, directory, "text_encoder", "model.safetensors", precision)
    placement = Placement((encoder, denoiser, vae), device, options.offload)
    if options.compile:
        compile_denoiser(denoiser)
    networks = Networks(denoiser=denoiser, vae=vae, text=Prompts(tokenizer, encoder, placement), placement=placement)
    return MiniworldAdapter(facts, networks, options, directory)
