"""What a model of the UNet3D family takes: its real networks, run on the meta device without weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from safetensors import safe_open
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from vstar_sdk.models.directory import read_config
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.identities import skip_identities
from vstar_sdk.models.measuring import cost_of, weight_bytes
from vstar_sdk.models.pipeline_options import FramewiseOptions


def estimate(directory: Path, workload: Workload, options: FramewiseOptions) -> Estimate:
    """Count what a workload takes.

    Args:
        directory: of the pipeline; of its weights, only those are read that may be all zero, if they are there.
        workload: what will be asked for.
        options: how the frames are decoded.

    Raises:
        ModelError: a configuration is missing or damaged.
    """
    dtype = getattr(torch, workload.dtype)
    with torch.device("meta"):
        unet: Any = UNet3DConditionModel.from_config(read_config(directory, "unet/config.json"))
        vae: Any = AutoencoderKL.from_config(read_config(directory, "vae/config.json"))
        text_encoder = CLIPTextModel(CLIPTextConfig.from_dict(read_config(directory, "text_encoder/config.json")))
    for module in (unet, vae, text_encoder):
        nn.Module.to(module, dtype).eval()
    skip_identities(unet, _stored_zeros(directory / "unet"))
    if options.tiling:
        vae.enable_tiling()
    factor = 2 ** (len(vae.config["block_out_channels"]) - 1)
    size = (workload.height // factor, workload.width // factor)
    tokens = (text_encoder.config.max_position_embeddings, unet.config["cross_attention_dim"])

    def empty(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device="meta")

    def denoise() -> object:
        latents = empty(workload.branches, unet.config["in_channels"], workload.frames, *size)
        # Beside the text of every frame there is the one that the network asks for, and repeats.
        text = empty(workload.branches, workload.frames, *tokens)
        return unet(latents, torch.empty((), dtype=torch.int64, device="meta"), text[:, 0], return_dict=False)

    def decode(frames: int) -> Callable[[], object]:
        return lambda: vae.decode(empty(frames, vae.config["latent_channels"], *size), return_dict=False)

    call = cost_of(denoise)
    batch = cost_of(decode(min(options.decode_batch, workload.frames)))
    return Estimate(
        weights={"text encoder": weight_bytes(text_encoder), "denoiser": weight_bytes(unet), "decoder": weight_bytes(vae)},
        call_flops=call.flops,
        call_bytes=call.peak_bytes,
        decode_flops=cost_of(decode(1)).flops * workload.frames,
        decode_bytes=batch.peak_bytes,
    )


def _stored_zeros(folder: Path) -> Callable[[str, nn.Module], bool]:
    """Whether all the weights that a folder stores for a layer are zero; without files, none are."""
    opened = [safe_open(path, "pt") for path in sorted(folder.glob("*.safetensors"))]
    home = {key: file for file in opened for key in file.keys()}  # noqa: SIM118  (safe_open is no mapping)

    def zero(name: str, layer: nn.Module) -> bool:
        stored = [f"{name}.{own}" for own, _ in layer.named_parameters()]
        return all(key in home and not home[key].get_tensor(key).any() for key in stored)

    return zero
