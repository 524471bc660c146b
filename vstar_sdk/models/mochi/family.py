"""``MochiTransformer3DModel`` as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Rhythm
from vstar_sdk.models.diffusers.guidance import branches_in_one_batch
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.pipelines import text_encoder_of
from vstar_sdk.models.family import Branches, DenoiserCall, Family
from vstar_sdk.models.mochi.processor import MochiProcessor, mochi_processor
from vstar_sdk.models.mochi.sites import mochi_sites
from vstar_sdk.models.mochi.text import cut_off, packed, unpacked


class MochiFamily(Family):
    """All tokens of a clip and its text attend to each other; guidance is one batch."""

    one_text = True
    streams = ("hidden_states", "encoder_hidden_states")
    mask = "encoder_attention_mask"
    """The denoiser's argument that says which tokens of the text are no padding."""

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return mochi_sites(config)

    def processor(self, attn: Any, site: Site) -> MochiProcessor:
        """See `Family.processor`."""
        return mochi_processor(attn, site)

    def install(self, attn: Any, processor: Any) -> None:
        """See `Family.install`: the attention has no method for it."""
        attn.processor = processor

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`: the first frame alone, then six to each latent frame."""
        return Rhythm.causal(int(pipe.vae_temporal_scale_factor))

    @torch.no_grad()
    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: 256 tokens, and their mask (see `packed`)."""
        text_encoder_of(pipe)
        return torch.cat([packed(*pipe.encode_prompt(caption, do_classifier_free_guidance=False)[:2]) for caption in captions])

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        tokenizer, _ = text_encoder_of(pipe)
        return cut_off(tokenizer, caption)

    def branches(self, pipe: Any, denoiser: nn.Module) -> AbstractContextManager[Branches]:
        """See `Family.branches`: guidance is one batch."""
        del denoiser
        return branches_in_one_batch(pipe, self.latents)

    def text_of(self, call: DenoiserCall) -> Tensor:
        """See `Family.text_of`: packed."""
        return packed(call[self.text], call[self.mask])

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: all frames read the one text."""
        del during
        embeddings, mask = unpacked(text_of_all_frames(text, type(denoiser).__name__))
        call.set(**{self.text: embeddings, self.mask: mask})


MOCHI = MochiFamily()
