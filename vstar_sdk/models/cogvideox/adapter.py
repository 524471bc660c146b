"""CogVideoX, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import AutoencoderKLCogVideoX
from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXBlock, CogVideoXTransformer3DModel
from torch import Tensor
from transformers import T5EncoderModel

from vstar_sdk.models.cogvideox.decoding import decode_causally
from vstar_sdk.models.cogvideox.family import COGVIDEOX, CogVideoXFamily
from vstar_sdk.models.cogvideox.positions import rotary_positions
from vstar_sdk.models.cogvideox.text import cut_off
from vstar_sdk.models.contract import Facts
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.diffusers.t5_tokenizer import load_t5_tokenizer
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.directory import weight_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.cogvideox.options import CogVideoXOptions


@dataclass(frozen=True)
class CogVideoXAdapter:
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`."""

    facts: Facts
    directory: Path
    denoiser: Any
    vae: AutoencoderKLCogVideoX
    text_encoder: T5EncoderModel
    tokenizer: Any
    options: CogVideoXOptions
    placement: Placement

    @property
    def family(self) -> CogVideoXFamily:
        """What nursing needs to know of the denoiser."""
        return COGVIDEOX

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.placement.device

    @property
    def scheduler_config(self) -> Mapping[str, Any]:
        """The configuration that every scheduler is built from."""
        return self.facts.scheduler_config

    @property
    def _tokens(self) -> int:
        return self.denoiser.config.max_text_seq_length

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Text embeddings ``(prompts, 226, dim)``: the last hidden states of the text encoder, which sees the padding too.

        Each prompt is encoded by itself, so that its embedding does not depend on its neighbours; what exceeds the denoiser's
        tokens is cut (see `cut_off`).
        """
        with self.placement.using(self.text_encoder):
            return torch.cat([self._encode(prompt) for prompt in prompts])

    def _encode(self, prompt: str) -> Tensor:
        read = self.tokenizer(
            prompt, padding="max_length", max_length=self._tokens, truncation=True, add_special_tokens=True, return_tensors="pt"
        )
        return self.text_encoder(read["input_ids"].to(self.device)).last_hidden_state

    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that the denoiser does not read; "" when it reads all."""
        return cut_off(self.tokenizer, prompt, self._tokens)

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path in the model's directory."""
        return weight_hashes(self.directory)

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, ...]:
        """Shape ``(1, channels, latent frames, height, width)`` of the latents of a clip of ``height`` by ``width`` pixels."""
        factor = 2 ** (len(self.vae.config["block_out_channels"]) - 1)
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
            text: ``(branches, latent frames, tokens, dim)``, the same for all frames of a branch.

        Returns:
            The prediction, of the latents' shape and precision.

        Raises:
            SamplerError: the frames of a branch have different texts.
        """
        dtype, (frames, height, width) = self.denoiser.dtype, latents.shape[2:]
        with self.sampling():
            predicted = self.denoiser(
                hidden_states=latents.transpose(1, 2).to(dtype),
                encoder_hidden_states=text_of_all_frames(text, self.facts.name).to(dtype),
                timestep=timestep.expand(len(latents)),
                image_rotary_emb=rotary_positions(self.denoiser.config, frames, height, width, latents.device),
                return_dict=False,
            )[0]
        return predicted.transpose(1, 2).to(latents.dtype)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Frames ``(height, width, 3)``, decoded two latent frames at a time.

        Args:
            latents: ``(1, channels, latent frames, height, width)``.
        """
        return decode_causally(self.vae, latents, self.placement, tiling=self.options.tiling)


def load(directory: Path, facts: Facts, options: CogVideoXOptions, device: str, dtype: str) -> CogVideoXAdapter:
    """Load a CogVideoX model from a directory in diffusers format.

    Args:
        directory: of the pipeline.
        facts: what is known of it.
        options: how it runs.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
        MissingDependency: the tokenizer is in a format that a package must be installed for.
    """
    precision = getattr(torch, dtype)
    tokenizer = load_t5_tokenizer(directory)
    network = load_component(CogVideoXTransformer3DModel, directory, "transformer", precision)
    check_sites(network, facts, attentions_within(network, CogVideoXBlock, Attention), directory)
    vae = load_component(AutoencoderKLCogVideoX, directory, "vae", precision)
    text_encoder = load_component(T5EncoderModel, directory, "text_encoder", precision)
    placement = Placement((text_encoder, network, vae), device, options.offload)
    return CogVideoXAdapter(facts, directory, network, vae, text_encoder, tokenizer, options, placement)
