"""The decoder and the text encoder that `framewise_estimate` counts, in the classes of diffusers and transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import CLIPTextConfig, CLIPTextModel

from vstar_sdk.models.diffusers.configured import network_from, text_config_from
from vstar_sdk.weights.directory import read_config


def framewise_networks(directory: Path) -> tuple[Any, Any]:
    """Both on the meta device: an ``AutoencoderKL`` and a ``CLIPTextModel``.

    Args:
        directory: with ``vae`` and ``text_encoder``.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    with torch.device("meta"):
        vae = network_from(AutoencoderKL, read_config(directory, "vae/config.json"))
        text_encoder = CLIPTextModel(text_config_from(CLIPTextConfig, read_config(directory, "text_encoder/config.json")))
    return vae, text_encoder
