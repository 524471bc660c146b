"""What a model of the UNet3D family takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel

from vstar_sdk.models.diffusers.configured import network_from
from vstar_sdk.models.diffusers.framewise_estimate import framewise_estimate
from vstar_sdk.models.diffusers.framewise_networks import framewise_networks
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.unet3d.no_ops import skip_no_ops
from vstar_sdk.weights.directory import read_config
from vstar_sdk.weights.zeros import stored_zeros


def estimate(directory: Path, workload: Workload, options: FramewiseOptions) -> Estimate:
    """Count what a workload takes.

    Args:
        directory: of the pipeline; of its weights, only those are read that may be all zero, if they are there.
        workload: what will be asked for.
        options: how the frames are decoded.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    with torch.device("meta"):
        unet: Any = network_from(UNet3DConditionModel, read_config(directory, "unet/config.json"))
    skip_no_ops(unet, stored_zeros(directory / "unet"))

    def denoise(latents: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> object:
        # Beside the text of every frame there is the one that the network asks for, and repeats.
        return unet(latents, timestep, text[:, 0], return_dict=False)

    vae, text_encoder = framewise_networks(directory)
    text = (text_encoder.config.max_position_embeddings, unet.config["cross_attention_dim"])
    return framewise_estimate(unet, vae, text_encoder, denoise, text, workload, options)
