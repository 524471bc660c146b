"""HunyuanVideo 1.5, loaded: text encoders, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.autoencoder_kl_hunyuanvideo15 import AutoencoderKLHunyuanVideo15
from diffusers.models.transformers.transformer_hunyuan_video15 import (
    HunyuanVideo15Transformer3DModel,
    HunyuanVideo15TransformerBlock,
)
from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5 import HunyuanVideo15Pipeline
from torch import Tensor
from transformers import AutoTokenizer, ByT5Tokenizer, Qwen2_5_VLTextModel, T5EncoderModel

from vstar_sdk.models.contract import Facts
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.hunyuan15.decoding import decode_causally
from vstar_sdk.models.hunyuan15.family import HUNYUAN15, Hunyuan15Family
from vstar_sdk.models.hunyuan15.inputs import call
from vstar_sdk.models.hunyuan15.text import Lengths, Text, cut_off, unpacked
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.directory import weight_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.hunyuan15.options import Hunyuan15Options

_pipeline: Any = HunyuanVideo15Pipeline  # whose functions are private, and read the prompt


@dataclass(frozen=True, kw_only=True)
class Hunyuan15Adapter:
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`."""

    facts: Facts
    directory: Path
    denoiser: Any
    vae: AutoencoderKLHunyuanVideo15
    text_encoder: Any
    tokenizer: Any
    text_encoder_2: T5EncoderModel
    tokenizer_2: Any
    options: Hunyuan15Options
    placement: Placement
    lengths: Lengths = field(default_factory=Lengths)

    @property
    def family(self) -> Hunyuan15Family:
        """What nursing needs to know of the denoiser."""
        return HUNYUAN15

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.placement.device

    @property
    def scheduler_config(self) -> Mapping[str, Any]:
        """The configuration that every scheduler is built from."""
        return self.facts.scheduler_config

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Text embeddings ``(prompts, 1256, dim + 1)``: the tokens of both encoders with their masks, see `Text.packed`.

        Each prompt is encoded by itself, so that its embedding does not depend on its neighbours; what exceeds the denoiser's
        tokens is cut (see `cut_off`).
        """
        return torch.cat([self._encode(prompt) for prompt in prompts])

    def _encode(self, prompt: str) -> Tensor:
        with self.placement.using(self.text_encoder):
            read = _pipeline._get_mllm_prompt_embeds(self.text_encoder, self.tokenizer, prompt, self.device, self.lengths.prompt)
        with self.placement.using(self.text_encoder_2):
            glyphs = _pipeline._get_byt5_prompt_embeds(
                self.tokenizer_2, self.text_encoder_2, prompt, self.device, self.lengths.glyphs
            )
        return Text(*read, *glyphs).packed()

    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that the denoiser does not read; "" when it reads all."""
        return cut_off(self.tokenizer, prompt, self.lengths.prompt)

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path in the model's directory."""
        return weight_hashes(self.directory)

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, ...]:
        """Shape ``(1, channels, latent frames, height, width)`` of the latents of a clip of ``height`` by ``width`` pixels."""
        factor = int(self.vae.config["spatial_compression_ratio"])
        latent_frames = self.facts.clock(frames, self.facts.fps).latents
        return (1, self.vae.config["latent_channels"], latent_frames, height // factor, width // factor)

    @contextmanager
    def sampling(self) -> Generator[None]:
        """Open around all the calls of `denoise` in a run; see `vstar_sdk.models.contract.SamplingAdapter`."""
        with self.placement.using(self.denoiser):
            yield

    @torch.no_grad()
    def denoise(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """One call of the network.

        Args:
            latents: ``(branches, channels, latent frames, height, width)``.
            timestep: 0-d.
            text: ``(branches, latent frames, tokens, dim)``, packed, the same for all frames of a branch.

        Returns:
            The prediction, of the latents' shape and precision.

        Raises:
            SamplerError: the frames of a branch have different texts.
        """
        dtype, config = self.denoiser.dtype, self.denoiser.config
        one = text_of_all_frames(text, self.facts.name).to(dtype)
        told = unpacked(one, self.lengths.glyphs, (config.text_embed_dim, config.text_embed_2_dim))
        given = (latents.to(dtype), timestep.expand(len(latents)).to(dtype), told)
        with self.sampling():
            predicted = call(self.denoiser, *given, self.lengths.picture)
        return predicted.to(latents.dtype)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Frames ``(height, width, 3)``, decoded a latent frame at a time.

        Args:
            latents: ``(1, channels, latent frames, height, width)``.
        """
        return decode_causally(self.vae, latents, self.placement, tiling=self.options.tiling)


def load(directory: Path, facts: Facts, options: Hunyuan15Options, device: str, dtype: str) -> Hunyuan15Adapter:
    """Load a HunyuanVideo 1.5 model from a directory in diffusers format.

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
    tokenizer_2 = load_component(ByT5Tokenizer, directory, "tokenizer_2")
    network = load_component(HunyuanVideo15Transformer3DModel, directory, "transformer", precision)
    check_sites(network, facts, attentions_within(network, HunyuanVideo15TransformerBlock, Attention), directory)
    vae = load_component(AutoencoderKLHunyuanVideo15, directory, "vae", precision)
    text_encoder = load_component(Qwen2_5_VLTextModel, directory, "text_encoder", precision)
    text_encoder_2 = load_component(T5EncoderModel, directory, "text_encoder_2", precision)
    return Hunyuan15Adapter(
        facts=facts,
        directory=directory,
        denoiser=network,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        text_encoder_2=text_encoder_2,
        tokenizer_2=tokenizer_2,
        options=options,
        placement=Placement((text_encoder, text_encoder_2, network, vae), device, options.offload),
    )
