"""Motif-Video, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.models.transformers.transformer_motif_video import (
    MotifVideoAttention,
    MotifVideoSingleTransformerBlock,
    MotifVideoTransformer3DModel,
    MotifVideoTransformerBlock,
)
from torch import Tensor
from transformers import AutoTokenizer, T5Gemma2Encoder

from vstar_sdk.models.contract import Condition
from vstar_sdk.models.diffusers.encoding import pixels
from vstar_sdk.models.diffusers.latent_adapter import LatentAdapter
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.prompts import tokens_of
from vstar_sdk.models.diffusers.quantized import load_denoiser
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.diffusers.still import still_latents
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.motif.family import MOTIF, MotifFamily
from vstar_sdk.models.motif.inputs import Picture, call
from vstar_sdk.models.motif.text import TOKENS, cut_off, packed
from vstar_sdk.models.wan.decoding import decode_causally
from vstar_sdk.models.wan.encoding import encode_causally, in_scale
from vstar_sdk.weights.components import load_component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.motif.options import MotifOptions


@dataclass(frozen=True, kw_only=True)
class MotifAdapter(LatentAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        feature_extractor: of pictures, a ``SiglipImageProcessor``; None in models that read none.
        first: the picture before it.
    """

    options: MotifOptions
    feature_extractor: Any = None
    first: Picture | None = None

    @property
    def family(self) -> MotifFamily:
        """See `LatentAdapter.family`."""
        return MOTIF

    def encode_one(self, prompt: str) -> Tensor:
        """See `LatentAdapter.encode_one`: 512 last hidden states of the text encoder, and a channel that is the mask."""
        tokens, mask = tokens_of(self.tokenizer, prompt, TOKENS, self.device)
        return packed(self.text_encoder(input_ids=tokens, attention_mask=mask)[0], mask)

    def cut_off(self, prompt: str) -> str:
        """See `LatentAdapter.cut_off`."""
        return cut_off(self.tokenizer, prompt)

    @property
    def latent(self) -> tuple[int, int]:
        """See `LatentAdapter.latent`."""
        return self.vae.config["z_dim"], self.vae.config["scale_factor_spatial"]

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.predict`."""
        one = text_of_all_frames(text, self.facts.name)
        return call(self.denoiser, latents, timestep.expand(len(latents)), one, self.first)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """See `LatentAdapter.decode`."""
        return decode_causally(self.vae, latents, self.placement, tiling=self.options.tiling)

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """See `LatentAdapter.encode_frames`."""
        return encode_causally(self.vae, frames, self.placement, tiling=self.options.tiling)

    @torch.no_grad()
    def condition(self, pictures: Mapping[str, NDArray[np.uint8]], frames: int, generator: torch.Generator) -> Condition:
        """See `vstar_sdk.models.contract.ConditionedAdapter.condition`: the picture's latent is drawn, as in its pipeline."""
        del frames
        first = pictures["first"]
        drawn = still_latents(self.vae, first, self.placement, tiling=self.options.tiling, generator=generator)
        shown = pixels([first])[:, :, 0].add(1).div(2).clamp(0, 1)
        inputs = self.feature_extractor.preprocess(images=shown, do_rescale=False, return_tensors="pt")["pixel_values"]
        with self.placement.using(self.text_encoder):
            eyes = self.text_encoder.vision_tower
            seen = eyes(pixel_values=inputs.to(self.device, eyes.dtype)).last_hidden_state
        return Condition(replace(self, first=Picture(in_scale(self.vae, drawn).to(self.device), seen)))


def load(directory: Path, facts: Facts, options: MotifOptions, device: str, dtype: str) -> MotifAdapter:
    """Load a Motif-Video model from a directory in diffusers format.

    Args:
        directory: of the pipeline.
        facts: what is known of it.
        options: how it runs.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    precision = getattr(torch, dtype)
    tokenizer = load_component(AutoTokenizer, directory, "tokenizer")
    network = load_denoiser(MotifVideoTransformer3DModel, directory, "transformer", precision, options.quantized)
    blocks = (MotifVideoTransformerBlock, MotifVideoSingleTransformerBlock)
    own = {name for block in blocks for name in attentions_within(network, block, MotifVideoAttention)}
    check_sites(network, facts, own, directory)
    vae = load_component(AutoencoderKLWan, directory, "vae", precision)
    text_encoder = load_component(T5Gemma2Encoder, directory, "text_encoder", precision)
    feature_extractor: Any = None
    if facts.trained:
        from transformers import SiglipImageProcessor  # transformers writes a warning at the import

        feature_extractor = load_component(SiglipImageProcessor, directory, "feature_extractor")
    return MotifAdapter(
        facts=facts,
        directory=directory,
        denoiser=network,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        options=options,
        feature_extractor=feature_extractor,
        placement=Placement((text_encoder, network, vae), device, options.offload),
    )
