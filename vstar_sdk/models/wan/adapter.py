"""Wan, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.models.transformers.transformer_wan import WanAttention, WanTransformer3DModel
from torch import Tensor, nn
from transformers import AutoTokenizer, UMT5EncoderModel

from vstar_sdk.models.contract import Facts
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.site_check import check_sites
from vstar_sdk.models.modules import modules_of
from vstar_sdk.models.wan.decoding import decode_causally
from vstar_sdk.models.wan.experts import ResidentNetworks, WanExperts, latent_frame_text
from vstar_sdk.models.wan.family import WAN, WanFamily
from vstar_sdk.models.wan.processor import reads_text
from vstar_sdk.models.wan.text import TOKENS, clean, cut_off
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.directory import read_config, weight_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.wan.options import WanOptions


@dataclass(frozen=True)
class WanAdapter:
    """A `vstar_sdk.models.contract.Adapter`; made by `load`."""

    facts: Facts
    directory: Path
    denoiser: WanExperts
    vae: AutoencoderKLWan
    text_encoder: UMT5EncoderModel
    tokenizer: Any
    scheduler_config: Mapping[str, Any]
    options: WanOptions
    placement: Placement
    residence: ResidentNetworks

    @property
    def family(self) -> WanFamily:
        """What nursing needs to know of the denoiser."""
        return WAN

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.placement.device

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Text embeddings ``(prompts, 512, dim)``: the last hidden states of the text encoder, zeros after the end of the prompt.

        Each prompt is encoded by itself, so that its embedding does not depend on its neighbours; what exceeds 512 tokens is cut
        (see `cut_off`).
        """
        with self.placement.using(self.text_encoder):
            return torch.cat([self._encode(prompt) for prompt in prompts])

    def _encode(self, prompt: str) -> Tensor:
        read = self.tokenizer(
            clean(prompt), padding="max_length", max_length=TOKENS, truncation=True, add_special_tokens=True, return_tensors="pt"
        )
        tokens, mask = (read[key].to(self.device) for key in ("input_ids", "attention_mask"))
        return self.text_encoder(tokens, mask).last_hidden_state * mask[..., None]

    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that the text encoder does not see; "" when it sees all."""
        return cut_off(self.tokenizer, prompt)

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path in the model's directory."""
        return weight_hashes(self.directory)

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, ...]:
        """Shape ``(1, channels, latent frames, height, width)`` of the latents of a clip of ``height`` by ``width`` pixels."""
        factor: int = self.vae.config["scale_factor_spatial"]
        return (1, self.vae.config["z_dim"], self.facts.clock(frames, self.facts.fps).latents, height // factor, width // factor)

    def sampling(self) -> AbstractContextManager[None]:
        """Open around all the calls of `denoise` in a run; see `vstar_sdk.models.contract.SamplingAdapter`."""
        return self.residence.kept()

    @torch.no_grad()
    def denoise(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """One call of the network that the timestep belongs to.

        Args:
            latents: ``(branches, channels, latent frames, height, width)``.
            timestep: 0-d.
            text: ``(branches, latent frames, tokens, dim)``.

        Returns:
            The prediction, of the latents' shape and precision.
        """
        network, dtype = self.denoiser.at(timestep), self.denoiser.dtype
        with self.sampling(), latent_frame_text(network, frames=text.shape[1]):
            self.residence.bring(network)
            predicted = network(
                hidden_states=latents.to(dtype),
                timestep=timestep.expand(len(latents)),
                encoder_hidden_states=text.flatten(0, 1).to(dtype),
                return_dict=False,
            )[0]
        return predicted.to(latents.dtype)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Frames ``(height, width, 3)``, decoded a latent frame at a time.

        Args:
            latents: ``(1, channels, latent frames, height, width)``.
        """
        return decode_causally(self.vae, latents, self.placement, tiling=self.options.tiling)


def load(directory: Path, facts: Facts, options: WanOptions, device: str, dtype: str) -> WanAdapter:
    """Load a Wan model from a directory in diffusers format.

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
    names = sorted({site.name.partition(".")[0] for site in facts.sites})
    networks = [load_component(WanTransformer3DModel, directory, name, precision) for name in names]
    denoiser = WanExperts(networks[0], networks[1] if len(networks) == 2 else None)
    check_sites(networks[0], facts, self_attentions(denoiser), directory)
    ratio = read_config(directory, "model_index.json").get("boundary_ratio")
    denoiser.boundary = None if ratio is None else ratio * facts.scheduler_config["num_train_timesteps"]
    # Half precision shows in the picture, and beside the denoiser float32 costs little.
    vae = load_component(AutoencoderKLWan, directory, "vae", torch.float32)
    text_encoder = load_component(UMT5EncoderModel, directory, "text_encoder", precision)
    placement = Placement((text_encoder, *networks, vae), device, options.offload)
    return WanAdapter(
        facts=facts,
        directory=directory,
        denoiser=denoiser,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        scheduler_config=facts.scheduler_config,
        options=options,
        placement=placement,
        residence=ResidentNetworks(placement),
    )


def self_attentions(denoiser: nn.Module) -> set[str]:
    """The names of all self-attentions, from the modules themselves."""
    return {name for name, module in modules_of(denoiser) if isinstance(module, WanAttention) and not reads_text(module)}
