"""CogVideoX, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXBlock, CogVideoXTransformer3DModel
from torch import Tensor
from torch.nn.functional import pad
from transformers import T5EncoderModel

from vstar_sdk.errors import SamplerError
from vstar_sdk.models.cogvideox.decoding import decode_causally
from vstar_sdk.models.cogvideox.family import COGVIDEOX, CogVideoXFamily
from vstar_sdk.models.cogvideox.positions import rotary_positions
from vstar_sdk.models.cogvideox.states import text_of_states
from vstar_sdk.models.contract import Condition
from vstar_sdk.models.diffusers.latent_adapter import LatentAdapter
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.prompts import end_beyond, tokens_of
from vstar_sdk.models.diffusers.quantized import load_denoiser
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.diffusers.still import beside, still_latents
from vstar_sdk.models.diffusers.t5_tokenizer import load_t5_tokenizer
from vstar_sdk.models.diffusers.transformer_loras import add_loras
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.loras import Lora
from vstar_sdk.weights.components import load_component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.cogvideox.options import CogVideoXOptions


@dataclass(frozen=True, kw_only=True)
class CogVideoXAdapter(LatentAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        beside: the channels of a picture beside those of the latents, ``(1, channels, latent frames, height, width)``; None where
            there is none.
    """

    options: CogVideoXOptions
    beside: Tensor | None = None

    @property
    def family(self) -> CogVideoXFamily:
        """See `LatentAdapter.family`."""
        return COGVIDEOX

    @property
    def _tokens(self) -> int:
        return self.denoiser.config.max_text_seq_length

    def encode_one(self, prompt: str) -> Tensor:
        """See `LatentAdapter.encode_one`: last hidden states of the text encoder, which sees the padding too."""
        tokens, _ = tokens_of(self.tokenizer, prompt, self._tokens, self.device)
        return self.text_encoder(tokens).last_hidden_state

    def cut_off(self, prompt: str) -> str:
        """See `LatentAdapter.cut_off`."""
        return end_beyond(self._tokens, self.tokenizer, prompt)

    @property
    def latent(self) -> tuple[int, int]:
        """See `LatentAdapter.latent`."""
        return self.vae.config["latent_channels"], 2 ** (len(self.vae.config["block_out_channels"]) - 1)

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.predict`.

        Raises:
            SamplerError: the network reads a picture, and there is none before it.
        """
        if self.facts.needs and self.beside is None:
            raise SamplerError(f"{self.facts.name} makes a video from a picture", hint="write start: {first: PICTURE}")
        frames, height, width = latents.shape[2:]
        one = text_of_all_frames(text, self.facts.name)
        states = one.shape[1] // self._tokens
        with text_of_states(self.denoiser, states, self._tokens) if states > 1 else nullcontext():
            predicted = self.denoiser(
                hidden_states=beside(latents, self.beside).transpose(1, 2),
                encoder_hidden_states=one.to(latents.dtype),
                timestep=timestep.expand(len(latents)),
                image_rotary_emb=rotary_positions(self.denoiser.config, frames, height, width, latents.device),
                return_dict=False,
            )[0]
        return predicted.transpose(1, 2)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """See `LatentAdapter.decode`."""
        return decode_causally(self.vae, latents, self.placement, tiling=self.options.tiling)

    def condition(self, pictures: Mapping[str, NDArray[np.uint8]], frames: int, generator: torch.Generator) -> Condition:
        """See `vstar_sdk.models.contract.ConditionedAdapter.condition`; the picture's latents are drawn, as its pipeline does."""
        drawn = still_latents(self.vae, pictures["first"], self.placement, tiling=self.options.tiling, generator=generator)
        factor = self.vae.config["scaling_factor"]
        # Some models were trained with latents divided by the factor, and say so.
        own = drawn / factor if self.vae.config["invert_scale_latents"] else drawn * factor
        count = self.facts.clock(frames, self.facts.fps).latents
        return Condition(replace(self, beside=pad(own, (0, 0, 0, 0, 0, count - 1)).to(self.device)))


def load(
    directory: Path, facts: Facts, options: CogVideoXOptions, device: str, dtype: str, loras: tuple[Lora, ...]
) -> CogVideoXAdapter:
    """Load a CogVideoX model from a directory in diffusers format.

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
    network = load_denoiser(CogVideoXTransformer3DModel, directory, "transformer", precision, options.quantized)
    check_sites(network, facts, attentions_within(network, CogVideoXBlock, Attention), directory)
    add_loras("CogVideoXLoraLoaderMixin", loras, {"transformer": network})
    vae = load_component(AutoencoderKLCogVideoX, directory, "vae", precision)
    text_encoder = load_component(T5EncoderModel, directory, "text_encoder", precision)
    placement = Placement((text_encoder, network, vae), device, options.offload)
    return CogVideoXAdapter(
        facts=facts,
        directory=directory,
        denoiser=network,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        options=options,
        loras=loras,
        placement=placement,
    )
