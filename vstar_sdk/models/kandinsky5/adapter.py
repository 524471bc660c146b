"""Kandinsky 5, loaded: text encoders, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
from diffusers.models.transformers.transformer_kandinsky import Kandinsky5Attention, Kandinsky5Transformer3DModel
from diffusers.pipelines.kandinsky5.pipeline_kandinsky import Kandinsky5T2VPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor
from transformers import AutoTokenizer, CLIPTextModel, CLIPTokenizer, Qwen2_5_VLForConditionalGeneration

from vstar_sdk.models.diffusers.hunyuan_decoding import decode_in_windows
from vstar_sdk.models.diffusers.hunyuan_encoding import encode_in_windows
from vstar_sdk.models.diffusers.latent_adapter import LatentAdapter
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.quantized import load_denoiser
from vstar_sdk.models.diffusers.site_check import check_sites
from vstar_sdk.models.diffusers.transformer_loras import add_loras
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.kandinsky5.family import KANDINSKY5, Kandinsky5Family
from vstar_sdk.models.kandinsky5.inputs import call
from vstar_sdk.models.kandinsky5.states import text_of
from vstar_sdk.models.kandinsky5.text import cut_off, packed
from vstar_sdk.models.loras import Lora
from vstar_sdk.models.modules import modules_of
from vstar_sdk.weights.components import load_component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.kandinsky5.options import Kandinsky5Options


@dataclass(frozen=True, kw_only=True)
class Kandinsky5Adapter(LatentAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        pipeline: diffusers' own of the same components, which reads prompts: its instruction stands around them.
    """

    text_encoder_2: CLIPTextModel
    pipeline: Any
    options: Kandinsky5Options

    @property
    def family(self) -> Kandinsky5Family:
        """See `LatentAdapter.family`."""
        return KANDINSKY5

    @property
    def encoders(self) -> Sequence[Any]:
        """See `LatentAdapter.encoders`."""
        return (self.text_encoder, self.text_encoder_2)

    def encode_one(self, prompt: str) -> Tensor:
        """See `LatentAdapter.encode_one`: the tokens of one encoder and the pooled vector of the other, see `packed`."""
        tokens, pooled, _ = self.pipeline.encode_prompt(prompt, device=self.device, dtype=self.denoiser.dtype)
        return packed(tokens, pooled)

    def cut_off(self, prompt: str) -> str:
        """See `LatentAdapter.cut_off`."""
        return cut_off(self.tokenizer, prompt)

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.predict`."""
        dtype = latents.dtype
        own = text_of(self.denoiser, text, latents.shape[2])
        own = own._replace(tokens=own.tokens.to(dtype), pooled=own.pooled.to(dtype))
        return call(self.denoiser, latents, timestep.to(dtype), own, self.vae.spatial_compression_ratio)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """See `LatentAdapter.decode`."""
        return decode_in_windows(self.vae, latents, self.placement, tiling=self.options.tiling)

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """See `LatentAdapter.encode_frames`."""
        return self.scaled(encode_in_windows(self.vae, frames, self.placement, tiling=self.options.tiling))


def load(
    directory: Path, facts: Facts, options: Kandinsky5Options, device: str, dtype: str, loras: tuple[Lora, ...]
) -> Kandinsky5Adapter:
    """Load a Kandinsky 5 model from a directory in diffusers format.

    Args:
        directory: of the pipeline.
        facts: what is known of it.
        options: how it runs.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        loras: to be put into the denoiser.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    precision = getattr(torch, dtype)
    tokenizer: Any = load_component(AutoTokenizer, directory, "tokenizer")
    tokenizer_2: Any = load_component(CLIPTokenizer, directory, "tokenizer_2")
    network = load_denoiser(Kandinsky5Transformer3DModel, directory, "transformer", precision, options.quantized)
    own = {name for name, module in modules_of(network) if _is_site(name, module)}
    check_sites(network, facts, own, directory)
    add_loras("KandinskyLoraLoaderMixin", loras, {"transformer": network})
    vae = load_component(AutoencoderKLHunyuanVideo, directory, "vae", precision)
    text_encoder = load_component(Qwen2_5_VLForConditionalGeneration, directory, "text_encoder", precision)
    text_encoder_2 = load_component(CLIPTextModel, directory, "text_encoder_2", precision)
    pipeline = Kandinsky5T2VPipeline(
        network, vae, text_encoder, tokenizer, text_encoder_2, tokenizer_2, FlowMatchEulerDiscreteScheduler()
    )
    return Kandinsky5Adapter(
        facts=facts,
        directory=directory,
        denoiser=network,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        text_encoder_2=text_encoder_2,
        pipeline=pipeline,
        options=options,
        loras=loras,
        placement=Placement((text_encoder, text_encoder_2, network, vae), device, options.offload),
    )


def _is_site(name: str, module: object) -> bool:
    return isinstance(module, Kandinsky5Attention) and name.startswith("visual_") and name.endswith(".self_attention")
