"""LTX-2, loaded without its sound: text encoder, connectors, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from diffusers.models.autoencoders.autoencoder_kl_ltx2 import AutoencoderKLLTX2Video
from diffusers.models.transformers.transformer_ltx2 import LTX2Attention, LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from diffusers.pipelines.ltx2.utils import apply_image_conditioning_crf, resolve_default_image_crf
from torch import Tensor
from transformers import AutoTokenizer

from vstar_sdk.models.contract import Condition
from vstar_sdk.models.diffusers.latent_adapter import LatentAdapter
from vstar_sdk.models.diffusers.ltx_tokens import pack, unpack
from vstar_sdk.models.diffusers.masked_text import with_presence, without_presence
from vstar_sdk.models.diffusers.parallel import join, share_tokens
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.prompts import tokens_of
from vstar_sdk.models.diffusers.quantized import load_denoiser
from vstar_sdk.models.diffusers.site_check import check_sites
from vstar_sdk.models.diffusers.still import moments_of, still_latents
from vstar_sdk.models.diffusers.streamed_decoding import decode_streamed, in_denoisers_scale, in_own_scale
from vstar_sdk.models.diffusers.streamed_encoding import encode_streamed
from vstar_sdk.models.diffusers.transformer_loras import add_loras
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.loras import Lora
from vstar_sdk.models.ltx2.family import LTX2, LTX2Family
from vstar_sdk.models.ltx2.network import check_border, see
from vstar_sdk.models.ltx2.text import TOKENS, cut_off
from vstar_sdk.models.modules import modules_of
from vstar_sdk.weights.components import load_component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.ltx2.options import LTX2Options


@dataclass(frozen=True, kw_only=True)
class LTX2Adapter(LatentAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        still: the first latent frames that are a picture's, and have no noise.
    """

    connectors: Any
    options: LTX2Options
    still: int = 0

    @property
    def family(self) -> LTX2Family:
        """See `LatentAdapter.family`."""
        return LTX2

    @property
    def encoders(self) -> Sequence[Any]:
        """See `LatentAdapter.encoders`."""
        return (self.text_encoder, self.connectors)

    def encode_one(self, prompt: str) -> Tensor:
        """See `LatentAdapter.encode_one`: what the connectors make of the text encoder's layers, 1024 tokens, and a mask."""
        tokens, mask = tokens_of(self.tokenizer, prompt.strip(), TOKENS, self.device)
        layers = self.text_encoder(input_ids=tokens, attention_mask=mask, output_hidden_states=True).hidden_states
        packed = torch.stack(layers, dim=-1).flatten(2, 3).to(self.text_encoder.dtype)
        video, _, there = self.connectors(packed, mask, padding_side=self.tokenizer.padding_side)
        return with_presence(video, there)

    def cut_off(self, prompt: str) -> str:
        """See `LatentAdapter.cut_off`."""
        return cut_off(self.tokenizer, prompt)

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, ...]:
        """See `LatentAdapter.latent_shape`.

        Raises:
            ModelError: the picture is too small for the decoder.
        """
        shape = super().latent_shape(frames, height, width)
        check_border(self.vae, *shape[3:])
        return shape

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.predict`: video and sound apart."""
        patch: int = self.denoiser.config["patch_size"]
        frames, height, width = latents.shape[2:]
        grid, tokens = (frames, height // patch, width // patch), pack(latents, patch)
        moments = moments_of(timestep, len(latents), grid, self.still)
        told = without_presence(text)
        predicted = see(self.denoiser, tokens, moments, *told, grid, self.options.frame_rate, sigma=timestep.expand(len(latents)))
        return unpack(predicted, patch, frames, height, width)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """See `LatentAdapter.decode`."""
        # A decoder that takes away noise is told that there is none, as its pipeline tells it.
        timestep = 0.0 if self.vae.config["timestep_conditioning"] else None
        own = in_own_scale(self.vae, latents)
        return decode_streamed(self.vae, own, self.placement, timestep=timestep, tiling=self.options.tiling)

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """See `LatentAdapter.encode_frames`."""
        return self.scaled(encode_streamed(self.vae, frames, self.placement, tiling=self.options.tiling))

    def scaled(self, latents: Tensor) -> Tensor:
        """See `LatentAdapter.scaled`."""
        return in_denoisers_scale(self.vae, latents)

    def condition(self, pictures: Mapping[str, NDArray[np.uint8]], frames: int, generator: torch.Generator) -> Condition:
        """See `vstar_sdk.models.contract.ConditionedAdapter.condition`.

        Nothing is drawn. The picture is compressed as the frames of the training were, as its pipeline does.
        """
        del frames, generator
        picture = apply_image_conditioning_crf(pictures["first"], resolve_default_image_crf(self.text_encoder))
        latents = still_latents(self.vae, picture, self.placement, tiling=self.options.tiling)
        return Condition(replace(self, still=1), (0,), self.scaled(latents))


def load(
    directory: Path, facts: Facts, options: LTX2Options, text_encoder: str, device: str, dtype: str, loras: tuple[Lora, ...]
) -> LTX2Adapter:
    """Load an LTX-2 model from a directory in diffusers format.

    Args:
        directory: of the pipeline.
        facts: what is known of it.
        options: how it runs.
        text_encoder: the class of its text encoder, in transformers.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        loras: to be put into the denoiser.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    if options.ulysses > 1:
        device = join(options.ulysses, device)
    precision = getattr(torch, dtype)
    tokenizer: Any = load_component(AutoTokenizer, directory, "tokenizer")
    tokenizer.padding_side = "left"  # as Gemma was trained
    denoiser = load_denoiser(LTX2VideoTransformer3DModel, directory, "transformer", precision, options.quantized)
    own = {name for name, module in modules_of(denoiser) if isinstance(module, LTX2Attention) and name.endswith(".attn1")}
    check_sites(denoiser, facts, own, directory)
    vae = load_component(AutoencoderKLLTX2Video, directory, "vae", precision)
    encoder = load_component(getattr(transformers, text_encoder), directory, "text_encoder", precision)
    connectors = load_component(LTX2TextConnectors, directory, "connectors", precision)
    add_loras("LTX2LoraLoaderMixin", loras, {"transformer": denoiser, "connectors": connectors})
    placement = Placement((encoder, connectors, denoiser, vae), device, options.offload)
    if options.ulysses > 1:
        share_tokens([denoiser], options.ulysses, device)
    return LTX2Adapter(
        facts=facts,
        directory=directory,
        denoiser=denoiser,
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer,
        connectors=connectors,
        options=options,
        loras=loras,
        placement=placement,
    )
