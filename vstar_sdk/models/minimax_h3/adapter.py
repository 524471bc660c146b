"""MiniMax-H3, loaded without the decoder of its sound: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from diffusers.models.autoencoders.autoencoder_kl_minimax_h3 import AutoencoderKLMiniMaxH3
from diffusers.models.transformers.transformer_minimax_h3 import (
    MiniMaxH3Attention,
    MiniMaxH3Transformer3DModel,
    MiniMaxH3TransformerBlock,
)
from torch import Tensor
from transformers import AutoTokenizer, Qwen3VLForConditionalGeneration

from vstar_sdk.errors import SamplerError
from vstar_sdk.models.diffusers.latent_adapter import LatentAdapter
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.quantized import load_denoiser
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.diffusers.transformer_loras import add_loras
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.loras import Lora
from vstar_sdk.models.minimax_h3.coding import decode_in_parts, encode_in_parts
from vstar_sdk.models.minimax_h3.family import MINIMAX_H3, MiniMaxH3Family
from vstar_sdk.models.minimax_h3.inputs import call
from vstar_sdk.models.minimax_h3.shifts import SHIFTS, shift_of
from vstar_sdk.models.minimax_h3.sites import RHYTHM
from vstar_sdk.models.minimax_h3.sound import Sound, first_sound, level_beside, sound_latents
from vstar_sdk.models.minimax_h3.text import LAYER, TOKENS, cut_off, padded, unpadded
from vstar_sdk.weights.components import load_component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.minimax_h3.options import MiniMaxH3Options


@dataclass(frozen=True, kw_only=True)
class MiniMaxH3Adapter(LatentAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        shifts: of the schedules of video and sound.
        sounds: of the run that is open; outside of a run a sound is noise.
    """

    options: MiniMaxH3Options
    shifts: tuple[float, float] = SHIFTS
    sounds: list[Sound] = field(default_factory=list[Sound], compare=False)

    @property
    def family(self) -> MiniMaxH3Family:
        """See `LatentAdapter.family`."""
        return MINIMAX_H3

    def encode_one(self, prompt: str) -> Tensor:
        """See `LatentAdapter.encode_one`: the 50th hidden state of the text encoder, see `padded`."""
        tokens = self.tokenizer(prompt, add_special_tokens=False)["input_ids"][:TOKENS]
        if not tokens:
            width = self.denoiser.config.text_dim
            return padded(torch.zeros(1, 0, width, device=self.device, dtype=self.text_encoder.dtype))
        given = torch.tensor([tokens], device=self.device)
        read = self.text_encoder.model(
            input_ids=given,
            attention_mask=torch.ones_like(given),
            mm_token_type_ids=torch.zeros_like(given),
            use_cache=False,
            output_hidden_states=True,
        )
        return padded(read.hidden_states[LAYER])

    def cut_off(self, prompt: str) -> str:
        """See `LatentAdapter.cut_off`."""
        return cut_off(self.tokenizer, prompt)

    @property
    def latent(self) -> tuple[int, int]:
        """See `LatentAdapter.latent`."""
        return self.vae.config["latent_channels"], self.vae.spatial_compression_ratio

    @property
    def remembers(self) -> tuple[str, ...]:
        """See `LatentAdapter.remembers`: the sound goes its own way from step to step."""
        return (*super().remembers, "the sound beside the video")

    @contextmanager
    def running(self, mixture: Sequence[Sequence[float]], steps: int) -> Generator[None]:
        """See `LatentAdapter.running`."""
        self.sounds.append(Sound())
        try:
            with super().running(mixture, steps):
                yield
        finally:
            self.sounds.pop()

    def calling(self, branches: Sequence[str]) -> AbstractContextManager[None]:
        """See `LatentAdapter.calling`.

        Raises:
            SamplerError: the guidance has other branches than the prompt's.
        """
        if list(branches) != ["prompt"]:
            raise SamplerError(
                f"{self.facts.name} has its guidance baked in: it was never trained to be compared with another text",
                hint="set sampling.guidance: 1",
            )
        return super().calling(branches)

    @torch.no_grad()
    def denoise(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.denoise`; latents stay in float32, which the network's first and last layers are in."""
        with self.sampling():
            return self.predict(latents.float(), timestep, text).to(latents.dtype)

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.predict`: one video after the other, each with its sound.

        The network counts its timesteps from noise to picture, and tells the way to the picture; a schedule goes the other way.

        Raises:
            SamplerError: a text has no token.
        """
        one = text_of_all_frames(text, self.facts.name)
        level = float(timestep) / self.scheduler_config["num_train_timesteps"]
        levels = (level, level_beside(level, self.shifts))
        made = [self._of_one(latents[video : video + 1], one[video], levels, video) for video in range(len(latents))]
        return -torch.cat(made)

    def _of_one(self, latents: Tensor, text: Tensor, levels: tuple[float, float], video: int) -> Tensor:
        texts = unpadded(torch.unflatten(text, 0, (-1, TOKENS)))
        if not texts:
            raise SamplerError(f"{self.facts.name} needs a prompt with words", hint="write one")
        sound = self.sounds[-1] if self.sounds else Sound()
        count = sound_latents(RHYTHM.frames_of(latents.shape[2]))
        channels = self.denoiser.config.audio_in_channels
        rows = sound.at(levels[1], lambda: first_sound(latents, count, channels).to(latents.device))
        way, towards = call(self.denoiser, latents, rows, texts, levels, video)
        sound.goes(towards.float())
        return way

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """See `LatentAdapter.decode`."""
        return decode_in_parts(self.vae, latents, self.placement)

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """See `LatentAdapter.encode_frames`."""
        return encode_in_parts(self.vae, frames, self.placement)


def load(
    directory: Path, facts: Facts, options: MiniMaxH3Options, device: str, dtype: str, loras: tuple[Lora, ...]
) -> MiniMaxH3Adapter:
    """Load a MiniMax-H3 model from a directory in diffusers format.

    Args:
        directory: of the model.
        facts: what is known of it.
        options: how it runs.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        loras: to be put into the denoiser.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    precision = getattr(torch, dtype)
    tokenizer = load_component(AutoTokenizer, directory, "tokenizer")
    network = load_denoiser(MiniMaxH3Transformer3DModel, directory, "transformer", precision, options.quantized)
    check_sites(network, facts, attentions_within(network, MiniMaxH3TransformerBlock, MiniMaxH3Attention), directory)
    add_loras("MiniMaxH3LoraLoaderMixin", loras, {"transformer": network})
    vae = load_component(AutoencoderKLMiniMaxH3, directory, "vae", precision)
    text_encoder = load_component(Qwen3VLForConditionalGeneration, directory, "text_encoder", precision)
    return MiniMaxH3Adapter(
        facts=facts,
        directory=directory,
        denoiser=network,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        options=options,
        loras=loras,
        shifts=(float(facts.scheduler_config["shift"]), shift_of(directory, "audio_scheduler", SHIFTS[1])),
        placement=Placement((text_encoder, network, vae), device, options.offload),
    )
