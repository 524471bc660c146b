"""The UNet3D family, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_temporal import TransformerTemporalModel
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from vstar_sdk.errors import ModelError
from vstar_sdk.models.contract import Facts
from vstar_sdk.models.diffusers.clip_text import ClipText
from vstar_sdk.models.diffusers.compiled import compile_denoiser, compile_errors
from vstar_sdk.models.diffusers.decoding import decode_frames
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.modules import modules_of
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.unet3d.family import UNET3D, UNet3DFamily
from vstar_sdk.models.unet3d.frame_text import FrameText
from vstar_sdk.models.unet3d.identities import skip_identities
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.directory import read_config, weight_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class UNet3DAdapter:
    """A `vstar_sdk.models.contract.Adapter`; made by `load`."""

    facts: Facts
    directory: Path
    denoiser: UNet3DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    scheduler_config: Mapping[str, Any]
    options: FramewiseOptions
    placement: Placement
    frame_text: FrameText = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame_text", FrameText(self.denoiser))

    @property
    def family(self) -> UNet3DFamily:
        """What nursing needs to know of the denoiser."""
        return UNET3D

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.placement.device

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Text embeddings ``(prompts, tokens, dim)``: see `ClipText.encode`."""
        return self._text.encode(prompts)

    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that the text encoder does not see; "" when it sees all."""
        return self._text.cut_off(prompt)

    @property
    def _text(self) -> ClipText:
        return ClipText(self.tokenizer, self.text_encoder, self.placement)

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path in the model's directory."""
        return weight_hashes(self.directory)

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, ...]:
        """Shape ``(1, channels, frames, height, width)`` of the latents of a clip of ``height`` by ``width`` pixels."""
        factor = 2 ** (len(self.vae.config["block_out_channels"]) - 1)
        return (1, self.denoiser.config["in_channels"], frames, height // factor, width // factor)

    @contextmanager
    def sampling(self) -> Generator[None]:
        """Open around all the calls of `denoise` in a run; see `vstar_sdk.models.contract.SamplingAdapter`."""
        with self.placement.using(self.denoiser), self.frame_text.attached():
            yield

    @torch.no_grad()
    def denoise(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """One call of the denoiser.

        Args:
            latents: ``(branches, channels, frames, height, width)``.
            timestep: 0-d.
            text: ``(branches, frames, tokens, dim)``.

        Returns:
            The prediction, of the latents' shape and precision.

        Raises:
            SamplerError: the denoiser is to be compiled, and cannot be.
        """
        dtype = self.denoiser.dtype
        text = text.to(dtype)
        with self.sampling(), compile_errors():
            self.frame_text.embeddings = text.flatten(0, 1)
            # The one embedding that the network asks for is replaced in every block that would read it.
            predicted = self.denoiser(latents.to(dtype), timestep, encoder_hidden_states=text[:, 0], return_dict=False)[0]
        return predicted.to(latents.dtype)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Frames ``(height, width, 3)``, a batch of them at a time: no frame depends on another.

        Args:
            latents: ``(1, channels, frames, height, width)``.
        """
        return decode_frames(self.vae, latents, self.placement, self.options.decode_batch)


def load(directory: Path, facts: Facts, device: str, dtype: str, options: FramewiseOptions) -> UNet3DAdapter:
    """Load a model of the family from a directory in diffusers format.

    Args:
        directory: of the pipeline.
        facts: what is known of it; its sites are compared with the network's own modules.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        options: memory and speed.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    precision = getattr(torch, dtype)
    tokenizer = load_component(CLIPTokenizer, directory, "tokenizer")
    unet = load_component(UNet3DConditionModel, directory, "unet", precision)
    _check_sites(unet, facts, directory)
    skip_identities(unet)
    vae = load_component(AutoencoderKL, directory, "vae", precision)
    if options.tiling:
        vae.enable_tiling()
    text_encoder = load_component(CLIPTextModel, directory, "text_encoder", precision)
    placement = Placement((text_encoder, unet, vae), device, options.offload)
    if options.compile:
        compile_denoiser(unet)
    return UNet3DAdapter(
        facts=facts,
        directory=directory,
        denoiser=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        scheduler_config=read_config(directory, "scheduler/scheduler_config.json"),
        options=options,
        placement=placement,
    )


def temporal_attentions(denoiser: nn.Module) -> set[str]:
    """The names of all attentions inside temporal transformers, from the modules themselves."""
    return {
        f"{outer}.{inner}"
        for outer, transformer in modules_of(denoiser)
        if isinstance(transformer, TransformerTemporalModel)
        for inner, module in modules_of(transformer)
        if isinstance(module, Attention)
    }


def _check_sites(unet: nn.Module, facts: Facts, directory: Path) -> None:
    """Refuse a network whose temporal attentions are not those that its configuration promises."""
    expected, found = {site.name for site in facts.sites}, temporal_attentions(unet)
    if expected != found:
        odd = min(expected ^ found)
        where = (
            "is in its modules but not in its configuration" if odd in found else "is in its configuration but not in its modules"
        )
        raise ModelError(
            f"{directory}: the temporal attention {odd} {where}",
            hint="this version of diffusers builds UNet3DConditionModel differently: report it with both versions",
        )
