"""What the embedded model takes: its networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path

import torch

from vstar_sdk.miniworld.networks.autoencoder import Autoencoder
from vstar_sdk.miniworld.networks.loading import skip_idle
from vstar_sdk.miniworld.networks.text_encoder import TextEncoder
from vstar_sdk.miniworld.networks.unet import UNet
from vstar_sdk.models.diffusers.framewise_estimate import framewise_estimate
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.zeros import stored_zeros


def estimate(directory: Path, workload: Workload, options: FramewiseOptions) -> Estimate:
    """Count what a workload takes.

    Args:
        directory: of the model; of its weights, only those are read that may be all zero, if they are there.
        workload: what will be asked for.
        options: how the frames are decoded.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    configs = (read_config(directory, f"{component}/config.json") for component in ("unet", "vae", "text_encoder"))
    with torch.device("meta"):
        unet, vae, text_encoder = (kind(config) for kind, config in zip((UNet, Autoencoder, TextEncoder), configs, strict=True))
    skip_idle(unet, stored_zeros(directory / "unet"))

    def denoise(latents: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> object:
        return unet(latents, timestep, text.flatten(0, 1))

    text = (text_encoder.config["max_position_embeddings"], text_encoder.config["hidden_size"])
    return framewise_estimate(unet, vae, text_encoder, denoise, text, workload, options)
