"""A tiny random network of every class that the models load, in folders as the libraries write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from diffusers.models.unets.unet_motion_model import MotionAdapter
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

BLOCKS: dict[str, Any] = {
    "sample_size": 4,
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": 16,
    "attention_head_dim": 8,
}
IMAGE: dict[str, Any] = BLOCKS | {
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
}
VIDEO: dict[str, Any] = BLOCKS | {
    "down_block_types": ("CrossAttnDownBlock3D", "DownBlock3D"),
    "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D"),
}
MOTION: dict[str, Any] = {"block_out_channels": (16, 32), "motion_layers_per_block": 1, "motion_norm_num_groups": 4}
VAE: dict[str, Any] = {
    "block_out_channels": (8, 8),
    "norm_num_groups": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "latent_channels": 4,
}
WAN_VAE: dict[str, Any] = {"base_dim": 4, "z_dim": 4, "dim_mult": [1, 1], "num_res_blocks": 1, "temperal_downsample": [True]}
CLIP: dict[str, Any] = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
T5: dict[str, Any] = {"vocab_size": 50, "d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 2, "num_heads": 2}
WAN: dict[str, Any] = {
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "text_dim": 8,
    "freq_dim": 8,
    "ffn_dim": 16,
    "num_layers": 2,
    "rope_max_seq_len": 32,
}


class Kind(NamedTuple):
    """A class of networks, and how a random one is made."""

    kind: Any
    make: Callable[[], Any]


KINDS = {
    "UNet3DConditionModel": Kind(UNet3DConditionModel, lambda: UNet3DConditionModel(**VIDEO)),
    "UNet2DConditionModel": Kind(UNet2DConditionModel, lambda: UNet2DConditionModel(**IMAGE)),
    "MotionAdapter": Kind(MotionAdapter, lambda: MotionAdapter(**MOTION)),
    "WanTransformer3DModel": Kind(WanTransformer3DModel, lambda: WanTransformer3DModel(**WAN)),
    "AutoencoderKL": Kind(AutoencoderKL, lambda: AutoencoderKL(**VAE)),
    "AutoencoderKLWan": Kind(AutoencoderKLWan, lambda: AutoencoderKLWan(**WAN_VAE)),
    "CLIPTextModel": Kind(CLIPTextModel, lambda: CLIPTextModel(CLIPTextConfig(**CLIP, num_hidden_layers=2))),
    "T5EncoderModel": Kind(T5EncoderModel, lambda: T5EncoderModel(T5Config(**T5))),
    "UMT5EncoderModel": Kind(UMT5EncoderModel, lambda: UMT5EncoderModel(UMT5Config(**T5))),
}


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a folder for each class, named like it."""
    directory = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    for name, (_, make) in KINDS.items():
        network = make()
        for tensor in network.parameters():  # all of them unlike what a constructor would leave in them
            torch.nn.init.normal_(tensor, std=0.5)
        network.save_pretrained(directory / name)
    return directory
