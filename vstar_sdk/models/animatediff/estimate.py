"""What an AnimateDiff model takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.models.unets.unet_motion_model import MotionAdapter, UNetMotionModel

from vstar_sdk.models.diffusers.configured import network_from
from vstar_sdk.models.diffusers.framewise_estimate import framewise_estimate
from vstar_sdk.models.diffusers.framewise_networks import framewise_networks
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.weights.directory import read_config


def estimate(base: Path, adapter: Path, workload: Workload, options: FramewiseOptions) -> Estimate:
    """Count what a workload takes.

    Args:
        base: directory of the checkpoint.
        adapter: directory of the motion adapter.
        workload: what will be asked for.
        options: how the frames are decoded.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    motion = read_config(adapter, "config.json")
    positions = max(motion.get("motion_max_seq_length", 32), workload.frames)
    with torch.device("meta"):
        image: Any = network_from(UNet2DConditionModel, read_config(base, "unet/config.json"))
        modules: Any = network_from(MotionAdapter, {**motion, "motion_max_seq_length": positions})
        unet: Any = UNetMotionModel.from_unet2d(image, modules)

    def denoise(latents: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> object:
        return unet(latents, timestep, text.flatten(0, 1), return_dict=False)

    vae, text_encoder = framewise_networks(base)
    text = (text_encoder.config.max_position_embeddings, unet.config["cross_attention_dim"])
    return framewise_estimate(unet, vae, text_encoder, denoise, text, workload, options)
