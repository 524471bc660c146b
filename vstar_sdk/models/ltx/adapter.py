"""LTX-Video, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from diffusers.models.autoencoders.autoencoder_kl_ltx import AutoencoderKLLTXVideo
from diffusers.models.transformers.transformer_ltx import LTXAttention, LTXVideoTransformer3DModel
from torch import Tensor
from transformers import T5EncoderModel

from vstar_sdk.models.contract import Condition
from vstar_sdk.models.diffusers.frame_text import folded_frames
from vstar_sdk.models.diffusers.latent_adapter import LatentAdapter
from vstar_sdk.models.diffusers.ltx_tokens import pack, readers, unpack
from vstar_sdk.models.diffusers.masked_text import with_presence, without_presence
from vstar_sdk.models.diffusers.parallel import check_share, join, share_of, share_tokens
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.prompts import tokens_of
from vstar_sdk.models.diffusers.quantized import load_denoiser
from vstar_sdk.models.diffusers.site_check import check_sites
from vstar_sdk.models.diffusers.still import moments_of, still_latents
from vstar_sdk.models.diffusers.streamed_decoding import decode_streamed, in_denoisers_scale, in_own_scale
from vstar_sdk.models.diffusers.streamed_encoding import encode_streamed
from vstar_sdk.models.diffusers.t5_tokenizer import load_t5_tokenizer
from vstar_sdk.models.diffusers.transformer_loras import add_loras, check_of_frames
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.loras import Lora
from vstar_sdk.models.ltx.family import LTX, LTXFamily
from vstar_sdk.models.ltx.text import TOKENS, cut_off
from vstar_sdk.models.modules import modules_of
from vstar_sdk.weights.components import load_component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.ltx.options import LTXOptions


OF_FRAMES = re.compile(r"transformer_blocks\.\d+\.(attn[12]\.to_(q|k|v|out\.0)|ff\.net\..+)|proj_(in|out)")
"""The layers whose tokens belong to a frame each; the keys and values of a text belong to the frame that reads it."""


@dataclass(frozen=True, kw_only=True)
class LTXAdapter(LatentAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        still: the first latent frames that are a picture's, and have no noise.
    """

    options: LTXOptions
    still: int = 0

    @property
    def family(self) -> LTXFamily:
        """See `LatentAdapter.family`."""
        return LTX

    def encode_one(self, prompt: str) -> Tensor:
        """See `LatentAdapter.encode_one`: 128 last hidden states of the text encoder, and a channel that is the mask."""
        tokens, mask = tokens_of(self.tokenizer, prompt, TOKENS, self.device)
        return with_presence(self.text_encoder(tokens).last_hidden_state.float(), mask)

    def cut_off(self, prompt: str) -> str:
        """See `LatentAdapter.cut_off`."""
        return cut_off(self.tokenizer, prompt)

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.predict`."""
        dtype, patch = latents.dtype, self.denoiser.config["patch_size"]
        frames, height, width = latents.shape[2:]
        embeddings, bias = without_presence(text)
        check_share(self.denoiser, frames * (height // patch) * (width // patch))
        with folded_frames(readers(self.denoiser, "attn2"), text.shape[1], share_of(self.denoiser)):
            predicted = self.denoiser(
                hidden_states=pack(latents, patch),
                encoder_hidden_states=embeddings.flatten(1, 2).to(dtype),
                timestep=moments_of(timestep, len(latents), (frames, height // patch, width // patch), self.still),
                encoder_attention_mask=bias.flatten(0, 1)[:, None].to(dtype),
                num_frames=frames,
                height=height // patch,
                width=width // patch,
                rope_interpolation_scale=self._scale,
                return_dict=False,
            )[0]
        return unpack(predicted, patch, frames, height, width)

    @property
    def _scale(self) -> tuple[float, int, int]:
        """Seconds and pixels from one latent to the next."""
        pixels: int = self.vae.spatial_compression_ratio
        return (self.vae.temporal_compression_ratio / self.options.frame_rate, pixels, pixels)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """See `LatentAdapter.decode`."""
        own, timestep = in_own_scale(self.vae, latents), None
        if self.vae.config["timestep_conditioning"]:
            timestep, share = self.options.decode_timestep, self.options.decode_noise
            noise = torch.randn(own.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
            own = (1 - share) * own + share * noise.to(own)
        return decode_streamed(self.vae, own, self.placement, timestep=timestep, tiling=self.options.tiling)

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """See `LatentAdapter.encode_frames`."""
        return self.scaled(encode_streamed(self.vae, frames, self.placement, tiling=self.options.tiling))

    def scaled(self, latents: Tensor) -> Tensor:
        """See `LatentAdapter.scaled`."""
        return in_denoisers_scale(self.vae, latents)

    def condition(self, pictures: Mapping[str, NDArray[np.uint8]], frames: int, generator: torch.Generator) -> Condition:
        """See `vstar_sdk.models.contract.ConditionedAdapter.condition`; the picture's latents are drawn, as its pipeline does."""
        del frames
        latents = still_latents(self.vae, pictures["first"], self.placement, tiling=self.options.tiling, generator=generator)
        return Condition(replace(self, still=1), (0,), self.scaled(latents))


def load(directory: Path, facts: Facts, options: LTXOptions, device: str, dtype: str, loras: tuple[Lora, ...]) -> LTXAdapter:
    """Load an LTX model from a directory in diffusers format.

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
    if options.ulysses > 1:
        device = join(options.ulysses, device)
    precision = getattr(torch, dtype)
    tokenizer = load_t5_tokenizer(directory)
    denoiser = load_denoiser(LTXVideoTransformer3DModel, directory, "transformer", precision, options.quantized)
    own = {name for name, module in modules_of(denoiser) if isinstance(module, LTXAttention) and not name.endswith(".attn2")}
    check_sites(denoiser, facts, own, directory)
    add_loras("LTXVideoLoraLoaderMixin", loras, {"transformer": denoiser})
    check_of_frames(denoiser, loras, OF_FRAMES, facts.name)
    vae = load_component(AutoencoderKLLTXVideo, directory, "vae", precision)
    text_encoder = load_component(T5EncoderModel, directory, "text_encoder", precision)
    placement = Placement((text_encoder, denoiser, vae), device, options.offload)
    if options.ulysses > 1:
        share_tokens([denoiser], options.ulysses, device)
    return LTXAdapter(
        facts=facts,
        directory=directory,
        denoiser=denoiser,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        options=options,
        loras=loras,
        placement=placement,
    )
