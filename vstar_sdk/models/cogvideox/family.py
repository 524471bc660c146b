"""``CogVideoXTransformer3DModel`` as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Rhythm
from vstar_sdk.models.cogvideox.processor import CogVideoXProcessor, cogvideox_processor
from vstar_sdk.models.cogvideox.sites import cogvideox_sites, cogvideox_text_sites
from vstar_sdk.models.cogvideox.states import text_of_states
from vstar_sdk.models.diffusers.guidance import branches_in_one_batch
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.pipelines import text_encoder_of
from vstar_sdk.models.diffusers.prompts import end_beyond
from vstar_sdk.models.family import Branches, DenoiserCall, Family


class CogVideoXFamily(Family):
    """Text and all tokens of a clip attend to each other; guidance is one batch."""

    one_text = True
    streams = ("hidden_states", "encoder_hidden_states")

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return cogvideox_sites(config)

    def text_sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.text_sites`."""
        return cogvideox_text_sites(config)

    def processor(self, attn: Any, site: Site) -> CogVideoXProcessor:
        """See `Family.processor`."""
        return cogvideox_processor(attn, site)

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`: the first frame alone, then four to each latent frame."""
        return Rhythm.causal(int(pipe.vae_scale_factor_temporal))

    def frames(self, latents: Tensor) -> int:
        """See `Family.frames`: its latents are ``(videos, frames, channels, height, width)``."""
        return int(latents.shape[1])

    @torch.no_grad()
    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: as many tokens as the pipeline takes unless it is told otherwise."""
        text_encoder_of(pipe)
        given = [pipe.encode_prompt(caption, do_classifier_free_guidance=False)[0] for caption in captions]
        return torch.cat(given)

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        tokenizer, _ = text_encoder_of(pipe)
        return end_beyond(pipe.transformer.config.max_text_seq_length, tokenizer, caption)

    def branches(self, pipe: Any, denoiser: nn.Module) -> AbstractContextManager[Branches]:
        """See `Family.branches`: guidance is one batch, dynamic guidance too."""
        del denoiser
        return branches_in_one_batch(pipe, self.latents)

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: all frames read the one text."""
        del during
        call.set(**{self.text: text_of_all_frames(text, type(denoiser).__name__)})

    def tell_states(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor, nearest: Tensor) -> None:
        """See `Family.tell_states`."""
        del nearest
        during.enter_context(text_of_states(denoiser, *text.shape[1:3]))
        call.set(**{self.text: text.flatten(1, 2)})


COGVIDEOX = CogVideoXFamily()
