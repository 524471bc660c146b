"""What the families with attention over frames alone share: their pipelines are Stable Diffusion's, made to hold clips."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.attention.sites import Site
from vstar_sdk.models.diffusers.clip_text import cut_off
from vstar_sdk.models.diffusers.guidance import branches_in_one_batch
from vstar_sdk.models.diffusers.pipelines import text_encoder_of
from vstar_sdk.models.diffusers.temporal_attention import TemporalProcessor, temporal_processor
from vstar_sdk.models.family import Branches, Family


class FramewiseFamily(Family):
    """Networks with diffusers' ``Attention`` over frames, in pipelines with one CLIP text encoder."""

    latents = "sample"

    def processor(self, attn: Any, site: Site) -> TemporalProcessor:
        """See `Family.processor`."""
        return temporal_processor(attn, site)

    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: as these pipelines encode their prompts."""
        return clip_embeddings(pipe, captions)

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        tokenizer, _ = text_encoder_of(pipe)
        return cut_off(tokenizer, caption)

    def branches(self, pipe: Any, denoiser: nn.Module) -> AbstractContextManager[Branches]:
        """See `Family.branches`."""
        del denoiser
        return branches_in_one_batch(pipe, self.latents)


@torch.no_grad()
def clip_embeddings(pipe: Any, captions: Sequence[str]) -> Tensor:
    """Captions as a pipeline's CLIP text encoder reads them, each by itself: ``(captions, tokens, dim)``.

    Raises:
        ModelError: the pipeline has none.
    """
    tokenizer, encoder = text_encoder_of(pipe)
    device = pipe._execution_device
    masked = getattr(encoder.config, "use_attention_mask", None)
    embeddings: list[Tensor] = []
    for caption in captions:
        # Textual inversion spreads a learned word over several tokens.
        written = pipe.maybe_convert_prompt(caption, tokenizer) if hasattr(pipe, "maybe_convert_prompt") else caption
        length = tokenizer.model_max_length
        tokens = tokenizer([written], padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        mask = tokens["attention_mask"].to(device) if masked else None
        embeddings.append(encoder(tokens["input_ids"].to(device), attention_mask=mask)[0].to(device, encoder.dtype))
    return torch.cat(embeddings)
