"""The UNetMotion family, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D, MotionAdapter, UNetMotionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from vstar_sdk.errors import ModelError, out_of_memory
from vstar_sdk.models.animatediff.family import UNET_MOTION, UNetMotionFamily
from vstar_sdk.models.animatediff.positions import LongerPositions
from vstar_sdk.models.contract import Facts
from vstar_sdk.models.diffusers.clip_text import ClipText
from vstar_sdk.models.diffusers.compiled import compile_denoiser, compile_errors
from vstar_sdk.models.diffusers.decoding import decode_frames
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.modules import modules_of
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.construction import unfilled
from vstar_sdk.weights.directory import file_hash, weight_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class UNetMotionAdapter:
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`."""

    facts: Facts
    base: Path
    adapter: Path
    loras: tuple[Path, ...]
    denoiser: UNetMotionModel
    vae: AutoencoderKL
    text: ClipText
    options: FramewiseOptions
    placement: Placement
    positions: LongerPositions = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", LongerPositions(self.denoiser, self.placement.device))

    @property
    def family(self) -> UNetMotionFamily:
        """What nursing needs to know of the denoiser."""
        return UNET_MOTION

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.placement.device

    @property
    def scheduler_config(self) -> Mapping[str, Any]:
        """The configuration that every scheduler is built from."""
        return self.facts.scheduler_config

    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Text embeddings ``(prompts, tokens, dim)``: see `ClipText.encode`."""
        return self.text.encode(prompts)

    def cut_off(self, prompt: str) -> str:
        """The end of a prompt that the text encoder does not see; "" when it sees all."""
        return self.text.cut_off(prompt)

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path under ``base``, ``adapter`` or ``loras``."""
        return {
            **{f"base/{name}": digest for name, digest in weight_hashes(self.base).items()},
            **{f"adapter/{name}": digest for name, digest in weight_hashes(self.adapter).items()},
            **{f"loras/{number}/{file.name}": file_hash(file) for number, file in enumerate(self.loras)},
        }

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, ...]:
        """Shape ``(1, channels, frames, height, width)`` of the latents of a clip of ``height`` by ``width`` pixels."""
        factor = 2 ** (len(self.vae.config["block_out_channels"]) - 1)
        return (1, self.denoiser.config["in_channels"], frames, height // factor, width // factor)

    @contextmanager
    def sampling(self) -> Generator[None]:
        """Open around all the calls of `denoise` in a run; see `vstar_sdk.models.contract.SamplingAdapter`."""
        with self.placement.using(self.denoiser), self.positions.opened():
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
            ModelError: the clip is longer than the positional encoding, which cannot be continued.
        """
        dtype = self.denoiser.dtype
        with self.sampling(), compile_errors():
            self.positions.reach(latents.shape[2])
            # The network asks for the text of every frame: it is its pipeline that repeats one for all.
            per_frame = text.to(dtype).flatten(0, 1)
            predicted = self.denoiser(latents.to(dtype), timestep, encoder_hidden_states=per_frame, return_dict=False)[0]
        return predicted.to(latents.dtype)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """Frames ``(height, width, 3)``, a batch of them at a time: no frame depends on another.

        Args:
            latents: ``(1, channels, frames, height, width)``.
        """
        return decode_frames(self.vae, latents, self.placement, self.options.decode_batch)


def load(
    base: Path,
    adapter: Path,
    loras: Sequence[tuple[Path, float]],
    facts: Facts,
    device: str,
    dtype: str,
    options: FramewiseOptions,
) -> UNetMotionAdapter:
    """Load a checkpoint, put a motion adapter into it, and merge LoRAs.

    Args:
        base: directory of the checkpoint.
        adapter: directory of the motion adapter.
        loras: files, and how much of each is added.
        facts: what is known of the model; its sites are compared with the network's own modules.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        options: memory and speed.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    precision = getattr(torch, dtype)
    # LoRAs are merged in float32, and their sum with the weights rounded once.
    loading = torch.float32 if loras else precision
    tokenizer = load_component(CLIPTokenizer, base, "tokenizer")
    unet = _with_motion(
        load_component(UNet2DConditionModel, base, "unet", loading),
        load_component(MotionAdapter, adapter.parent, adapter.name, loading),
        f"{base} with {adapter}",
    )
    _check_sites(unet, facts)
    vae = load_component(AutoencoderKL, base, "vae", precision)
    text_encoder = load_component(CLIPTextModel, base, "text_encoder", loading)
    if loras:
        from vstar_sdk.models.animatediff.loras import merge_loras

        merge_loras(unet, text_encoder, loras)
        for merged in (unet, text_encoder):
            nn.Module.to(merged, dtype=precision)
    if options.tiling:
        vae.enable_tiling()
    placement = Placement((text_encoder, unet, vae), device, options.offload)
    if options.compile:
        compile_denoiser(unet)
    return UNetMotionAdapter(
        facts=facts,
        base=base,
        adapter=adapter,
        loras=tuple(file for file, _ in loras),
        denoiser=unet,
        vae=vae,
        text=ClipText(tokenizer, text_encoder, placement),
        options=options,
        placement=placement,
    )


def _with_motion(unet: UNet2DConditionModel, adapter: MotionAdapter, where: str) -> UNetMotionModel:
    """The image network with the adapter's modules in it."""
    try:
        with unfilled(unet.dtype):
            return cast(UNetMotionModel, UNetMotionModel.from_unet2d(unet, adapter))
    except Exception as error:  # diffusers raises ValueError and RuntimeError for parts that do not fit
        if out_of_memory(error):
            raise
        raise ModelError(f"{where}: do not fit each other: {error}", hint="take a motion adapter for this checkpoint") from error


def _check_sites(unet: nn.Module, facts: Facts) -> None:
    """Refuse a network whose temporal attentions are not those that the configurations promise."""
    expected = {site.name for site in facts.sites}
    found = {
        f"{outer}.{inner}"
        for outer, motion in modules_of(unet)
        if isinstance(motion, AnimateDiffTransformer3D)
        for inner, module in modules_of(motion)
        if isinstance(module, Attention)
    }
    if expected != found:
        odd = min(expected ^ found)
        raise ModelError(
            f"{facts.name}: the temporal attention {odd} is either in its modules or in its configuration, but not in both",
            hint="this version of diffusers builds UNetMotionModel differently: report it with both versions",
        )
