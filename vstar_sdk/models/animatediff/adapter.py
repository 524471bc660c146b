"""The UNetMotion family, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D, MotionAdapter, UNetMotionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from vstar_sdk.errors import ModelError, out_of_memory
from vstar_sdk.models.animatediff.family import UNET_MOTION, UNetMotionFamily
from vstar_sdk.models.animatediff.positions import LongerPositions
from vstar_sdk.models.diffusers.framewise_adapter import FramewiseAdapter, place
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.construction import unfilled
from vstar_sdk.weights.directory import file_hash, weight_hashes


@dataclass(frozen=True)
class UNetMotionAdapter(FramewiseAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        base: directory of the checkpoint.
        adapter: directory of the motion adapter.
        loras: files of the LoRAs that are merged.
    """

    base: Path
    adapter: Path
    loras: tuple[Path, ...]

    @cached_property
    def positions(self) -> LongerPositions:
        """One object for all runs: see `LongerPositions`."""
        return LongerPositions(self.denoiser, self.device)

    @property
    def family(self) -> UNetMotionFamily:
        """What nursing needs to know of the denoiser."""
        return UNET_MOTION

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path under ``base``, ``adapter`` or ``loras``."""
        return {
            **{f"base/{name}": digest for name, digest in weight_hashes(self.base).items()},
            **{f"adapter/{name}": digest for name, digest in weight_hashes(self.adapter).items()},
            **{f"loras/{number}/{file.name}": file_hash(file) for number, file in enumerate(self.loras)},
        }

    def prepared(self) -> AbstractContextManager[None]:
        """See `FramewiseAdapter.prepared`."""
        return self.positions.opened()

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `FramewiseAdapter.predict`.

        Raises:
            ModelError: the clip is longer than the positional encoding, which cannot be continued.
        """
        self.positions.reach(latents.shape[2])
        # The network asks for the text of every frame: it is its pipeline that repeats one for all.
        return self.denoiser(latents, timestep, encoder_hidden_states=text.flatten(0, 1), return_dict=False)[0]


def load(
    base: Path,
    adapter: Path,
    loras: Sequence[tuple[Path, float]],
    facts: Facts,
    device: str,
    dtype: str,
    options: FramewiseOptions,
) -> UNetMotionAdapter:
    """Load a checkpoint, put a motion adapter into it, and merge LoRAs.

    Args:
        base: directory of the checkpoint.
        adapter: directory of the motion adapter.
        loras: files, and how much of each is added.
        facts: what is known of the model; its sites are compared with the network's own modules.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        options: memory and speed.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    precision = getattr(torch, dtype)
    # LoRAs are merged in float32, and their sum with the weights rounded once.
    loading = torch.float32 if loras else precision
    tokenizer = load_component(CLIPTokenizer, base, "tokenizer")
    unet = _with_motion(
        load_component(UNet2DConditionModel, base, "unet", loading),
        load_component(MotionAdapter, adapter.parent, adapter.name, loading),
        f"{base} with {adapter}",
    )
    check_sites(unet, facts, attentions_within(unet, AnimateDiffTransformer3D, Attention), f"{base} with {adapter}")
    vae = load_component(AutoencoderKL, base, "vae", precision)
    text_encoder = load_component(CLIPTextModel, base, "text_encoder", loading)
    if loras:
        from vstar_sdk.models.animatediff.loras import merge_loras

        merge_loras(unet, text_encoder, loras)
        for merged in (unet, text_encoder):
            nn.Module.to(merged, dtype=precision)
    networks = place(unet, vae, text_encoder, tokenizer, device, options)
    return UNetMotionAdapter(facts, networks, options, base, adapter, tuple(file for file, _ in loras))


def _with_motion(unet: UNet2DConditionModel, adapter: MotionAdapter, where: str) -> UNetMotionModel:
    """The image network with the adapter's modules in it."""
    try:
        with unfilled(unet.dtype):
            return cast(UNetMotionModel, UNetMotionModel.from_unet2d(unet, adapter))
    except Exception as error:  # diffusers raises ValueError and RuntimeError for parts that do not fit
        if out_of_memory(error):
            raise
        raise ModelError(f"{where}: do not fit each other: {error}", hint="use a motion adapter for this checkpoint") from error
