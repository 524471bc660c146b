"""The UNet3D family, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_temporal import TransformerTemporalModel
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from vstar_sdk.models.diffusers.framewise_adapter import FramewiseAdapter, place
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.unet3d.family import UNET3D, UNet3DFamily
from vstar_sdk.models.unet3d.frame_text import FrameText
from vstar_sdk.models.unet3d.no_ops import skip_no_ops
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.directory import weight_hashes


@dataclass(frozen=True)
class UNet3DAdapter(FramewiseAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        directory: that it was loaded from.
    """

    directory: Path

    @cached_property
    def frame_text(self) -> FrameText:
        """One object for all runs: see `FrameText`."""
        return FrameText(self.denoiser)

    @property
    def family(self) -> UNet3DFamily:
        """What nursing needs to know of the denoiser."""
        return UNET3D

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path in the model's directory."""
        return weight_hashes(self.directory)

    def prepared(self) -> AbstractContextManager[None]:
        """See `FramewiseAdapter.prepared`."""
        return self.frame_text.attached()

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `FramewiseAdapter.predict`."""
        self.frame_text.embeddings = text.flatten(0, 1)
        # The one embedding that the network asks for is replaced in every block that would read it.
        return self.denoiser(latents, timestep, encoder_hidden_states=text[:, 0], return_dict=False)[0]


def load(directory: Path, facts: Facts, device: str, dtype: str, options: FramewiseOptions) -> UNet3DAdapter:
    """Load a model of the family from a directory in diffusers format.

    Args:
        directory: of the pipeline.
        facts: what is known of it; its sites are compared with the network's own modules.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        options: memory and speed.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    precision = getattr(torch, dtype)
    tokenizer = load_component(CLIPTokenizer, directory, "tokenizer")
    unet = load_component(UNet3DConditionModel, directory, "unet", precision)
    check_sites(unet, facts, temporal_attentions(unet), directory)
    skip_no_ops(unet)
    vae = load_component(AutoencoderKL, directory, "vae", precision)
    text_encoder = load_component(CLIPTextModel, directory, "text_encoder", precision)
    return UNet3DAdapter(facts, place(unet, vae, text_encoder, tokenizer, device, options), options, directory)


def temporal_attentions(denoiser: nn.Module) -> set[str]:
    """The names of all attentions inside temporal transformers, from the modules themselves."""
    return attentions_within(denoiser, TransformerTemporalModel, Attention)
