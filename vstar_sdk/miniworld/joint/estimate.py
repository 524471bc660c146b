"""What the joint sibling takes: its networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path

import torch

from vstar_sdk.miniworld.joint.network import MiniworldTransformer3DModel
from vstar_sdk.miniworld.networks.autoencoder import Autoencoder
from vstar_sdk.miniworld.networks.text_encoder import TextEncoder
from vstar_sdk.models.diffusers.configured import network_from
from vstar_sdk.models.diffusers.framewise_estimate import framewise_estimate
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.wan.experts import latent_frame_text
from vstar_sdk.weights.directory import read_config


def estimate(directory: Path, base: Path, workload: Workload, options: FramewiseOptions) -> Estimate:
    """Count what a workload takes.

    Args:
        directory: with the ``transformer``.
        base: of miniworld.
        workload: what will be asked for.
        options: how the frames are decoded.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    with torch.device("meta"):
        network = network_from(MiniworldTransformer3DModel, read_config(directory, "transformer/config.json"))
        vae = Autoencoder(read_config(base, "vae/config.json"))
        text_encoder = TextEncoder(read_config(base, "text_encoder/config.json"))

    def denoise(latents: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> object:
        with latent_frame_text(network, frames=text.shape[1]):
            return network(latents, timestep.expand(len(latents)), text.flatten(0, 1), return_dict=False)

    text = (text_encoder.config["max_position_embeddings"], text_encoder.config["hidden_size"])
    return framewise_estimate(network, vae, text_encoder, denoise, text, workload, options)
