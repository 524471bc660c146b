"""Mochi, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from diffusers.models.attention_processor import MochiAttention
from diffusers.models.autoencoders.autoencoder_kl_mochi import AutoencoderKLMochi
from diffusers.models.transformers.transformer_mochi import MochiTransformer3DModel, MochiTransformerBlock
from torch import Tensor
from transformers import T5EncoderModel

from vstar_sdk.models.diffusers.latent_adapter import LatentAdapter
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.prompts import tokens_of
from vstar_sdk.models.diffusers.quantized import load_denoiser
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.diffusers.t5_tokenizer import load_t5_tokenizer
from vstar_sdk.models.diffusers.transformer_loras import add_loras
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.loras import Lora
from vstar_sdk.models.mochi.decoding import decode_causally
from vstar_sdk.models.mochi.family import MOCHI, MochiFamily
from vstar_sdk.models.mochi.text import TOKENS, cut_off, packed, unpacked
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.directory import read_config

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.mochi.options import MochiOptions


@dataclass(frozen=True, kw_only=True)
class MochiAdapter(LatentAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        empty_is_nothing: whether a prompt without words is read as no token at all.
    """

    options: MochiOptions
    empty_is_nothing: bool

    @property
    def family(self) -> MochiFamily:
        """See `LatentAdapter.family`."""
        return MOCHI

    def encode_one(self, prompt: str) -> Tensor:
        """See `LatentAdapter.encode_one`: 256 last hidden states of the text encoder, and a channel that is the mask."""
        tokens, mask = tokens_of(self.tokenizer, prompt, TOKENS, self.device)
        if self.empty_is_nothing and not prompt:
            tokens, mask = torch.zeros_like(tokens), torch.zeros_like(mask)
        there = mask.bool()
        return packed(self.text_encoder(tokens, attention_mask=there).last_hidden_state, there)

    def cut_off(self, prompt: str) -> str:
        """See `LatentAdapter.cut_off`."""
        return cut_off(self.tokenizer, prompt)

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.predict`.

        The network counts its timesteps from noise to picture, and tells the way to the picture; a schedule goes the other way.
        """
        embeddings, mask = unpacked(text_of_all_frames(text, self.facts.name))
        moment = self.scheduler_config["num_train_timesteps"] - timestep
        predicted: Tensor = self.denoiser(
            hidden_states=latents,
            encoder_hidden_states=embeddings.to(latents.dtype),
            timestep=moment.expand(len(latents)).to(latents.dtype),
            encoder_attention_mask=mask,
            return_dict=False,
        )[0]
        return -predicted

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """See `LatentAdapter.decode`."""
        return decode_causally(self.vae, latents, self.placement, tiling=self.options.tiling)

    def scaled(self, latents: Tensor) -> Tensor:
        """See `LatentAdapter.scaled`."""
        config = self.vae.config
        mean, std = (
            torch.tensor(config[key], dtype=torch.float32).view(1, -1, 1, 1, 1).to(latents)
            for key in ("latents_mean", "latents_std")
        )
        return (latents - mean) * config["scaling_factor"] / std


def load(directory: Path, facts: Facts, options: MochiOptions, device: str, dtype: str, loras: tuple[Lora, ...]) -> MochiAdapter:
    """Load a Mochi model from a directory in diffusers format.

    Args:
        directory: of the pipeline.
        facts: what is known of it.
        options: how it runs.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        loras: to be put into the denoiser.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
        MissingDependency: the tokenizer is in a format that a package must be installed for.
    """
    precision = getattr(torch, dtype)
    tokenizer = load_t5_tokenizer(directory)
    network = load_denoiser(MochiTransformer3DModel, directory, "transformer", precision, options.quantized)
    check_sites(network, facts, attentions_within(network, MochiTransformerBlock, MochiAttention), directory)
    add_loras("Mochi1LoraLoaderMixin", loras, {"transformer": network})
    vae = load_component(AutoencoderKLMochi, directory, "vae", precision)
    text_encoder = load_component(T5EncoderModel, directory, "text_encoder", precision)
    index = read_config(directory, "model_index.json")
    return MochiAdapter(
        facts=facts,
        directory=directory,
        denoiser=network,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        options=options,
        loras=loras,
        empty_is_nothing=bool(index.get("force_zeros_for_empty_prompt", False)),
        placement=Placement((text_encoder, network, vae), device, options.offload),
    )
