"""Cosmos Predict 2.5, loaded: text encoder, denoiser, decoder and guardrail as the sampler sees them."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.models.transformers.transformer_cosmos import CosmosTransformer3DModel, CosmosTransformerBlock
from torch import Tensor
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration

from vstar_sdk.errors import ModelError
from vstar_sdk.models.cosmos.family import COSMOS, CosmosFamily, readers
from vstar_sdk.models.cosmos.text import TOKENS, chat, cut_off, of_all_layers
from vstar_sdk.models.diffusers.frame_text import folded_frames
from vstar_sdk.models.diffusers.latent_adapter import LatentAdapter
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.quantized import load_denoiser
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.wan.decoding import decode_causally
from vstar_sdk.models.wan.encoding import encode_causally
from vstar_sdk.weights.components import load_component

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vstar_sdk.models.cosmos.options import CosmosOptions


@dataclass(frozen=True, kw_only=True)
class CosmosAdapter(LatentAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        guardrail: checks prompts, and pictures; see `guardrail_of`.
    """

    options: CosmosOptions
    guardrail: Any

    @property
    def family(self) -> CosmosFamily:
        """See `LatentAdapter.family`."""
        return COSMOS

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """See `LatentAdapter.encode`.

        Raises:
            ModelError: the guardrail refuses a prompt.
        """
        self.guardrail.to(self.device)
        for prompt in prompts:
            if prompt not in ("", self.facts.negative_prompt) and not self.guardrail.check_text_safety(prompt):
                raise ModelError(f"the guardrail of Cosmos refuses '{prompt}'", hint="the model's licence forbids such videos")
        return super().encode(prompts)

    def encode_one(self, prompt: str) -> Tensor:
        """See `LatentAdapter.encode_one`: 512 tokens of a chat, with the hidden states of all layers."""
        read = chat(self.tokenizer, prompt, tokenize=True, max_length=TOKENS, truncation=True, padding="max_length")
        tokens = torch.tensor([read["input_ids"]], device=self.device)
        return of_all_layers(self.text_encoder.model(tokens, output_hidden_states=True).hidden_states)

    def cut_off(self, prompt: str) -> str:
        """See `LatentAdapter.cut_off`."""
        return cut_off(self.tokenizer, prompt)

    @property
    def latent(self) -> tuple[int, int]:
        """See `LatentAdapter.latent`."""
        return self.vae.config["z_dim"], self.vae.config["scale_factor_spatial"]

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.predict`: no frame is given, and the network is told the noise level of every one."""
        level = timestep.float() / self.facts.scheduler_config["num_train_timesteps"]
        with folded_frames(readers(self.denoiser), text.shape[1]):
            return self.denoiser(
                hidden_states=latents,
                condition_mask=torch.zeros_like(latents[:, :1]),
                timestep=level.expand(len(latents), 1, latents.shape[2], 1, 1),
                encoder_hidden_states=text.flatten(0, 1).to(latents.dtype),
                padding_mask=latents.new_zeros(1, 1, *latents.shape[-2:]),
                return_dict=False,
            )[0]

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """See `LatentAdapter.decode`; the guardrail is given the clip as a whole, so all frames are kept until then."""
        frames = np.stack([*decode_causally(self.vae, latents, self.placement, tiling=self.options.tiling)])
        self.guardrail.to(self.device)
        yield from np.asarray(self.guardrail.check_video_safety(frames), dtype=np.uint8)

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """See `LatentAdapter.encode_frames`."""
        return encode_causally(self.vae, frames, self.placement, tiling=self.options.tiling)


def guardrail_of() -> Any:
    """NVIDIA's guardrail: it says whether a prompt is allowed, and gives pictures back with faces blurred."""
    package: Any = importlib.import_module("cosmos_guardrail")
    return package.CosmosSafetyChecker()


def load(directory: Path, facts: Facts, options: CosmosOptions, device: str, dtype: str) -> CosmosAdapter:
    """Load a Cosmos Predict 2.5 model from a directory in diffusers format.

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
    network = load_denoiser(CosmosTransformer3DModel, directory, "transformer", precision, options.quantized)
    own = {name for name in attentions_within(network, CosmosTransformerBlock, Attention) if name.endswith(".attn1")}
    check_sites(network, facts, own, directory)
    vae = load_component(AutoencoderKLWan, directory, "vae", precision)
    text_encoder = load_component(Qwen2_5_VLForConditionalGeneration, directory, "text_encoder", precision)
    return CosmosAdapter(
        facts=facts,
        directory=directory,
        denoiser=network,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        options=options,
        guardrail=guardrail_of(),
        placement=Placement((text_encoder, network, vae), device, options.offload),
    )
