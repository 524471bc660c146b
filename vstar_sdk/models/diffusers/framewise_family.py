"""What the families with attention over frames alone share: their pipelines are Stable Diffusion's, made to hold clips."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.attention.sites import Site
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.diffusers.clip_text import cut_off
from vstar_sdk.models.diffusers.pipelines import text_encoder_of
from vstar_sdk.models.diffusers.temporal_attention import TemporalProcessor, temporal_processor
from vstar_sdk.models.family import Branches, DenoiserCall, Family


class FramewiseFamily(Family):
    """Networks with diffusers' ``Attention`` over frames, in pipelines with one CLIP text encoder."""

    latents = "sample"

    def processor(self, attn: Any, site: Site) -> TemporalProcessor:
        """See `Family.processor`."""
        return temporal_processor(attn, site)

    @torch.no_grad()
    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: as these pipelines encode their prompts."""
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

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        tokenizer, _ = text_encoder_of(pipe)
        return cut_off(tokenizer, caption)

    @contextmanager
    def branches(self, pipe: Any, denoiser: nn.Module) -> Generator[Branches]:
        """See `Family.branches`: guidance is one batch, the negative prompt first, when the pipeline encodes a prompt for it."""
        del denoiser
        with _encoding_watched(pipe) as encoding:

            def branches(call: DenoiserCall) -> tuple[bool, ...]:
                videos = len(call[self.latents])
                guided = encoding.get("do_classifier_free_guidance", getattr(pipe, "do_classifier_free_guidance", None))
                if guided is None and videos > 1:
                    raise SamplerError(
                        f"{type(pipe).__name__} called its denoiser for {videos} latents before it encoded a prompt, so that the "
                        "branches of guidance cannot be told apart",
                        hint="call the pipeline as a whole, with a prompt",
                    )
                return (False,) * (videos // 2) + (True,) * (videos - videos // 2) if guided else (True,) * videos

            yield branches


@contextmanager
def _encoding_watched(pipe: Any) -> Generator[dict[str, Any]]:
    """While it is open, the arguments with which a pipeline last encoded its prompt: it says there whether it guides."""
    arguments: dict[str, Any] = {}
    encode_prompt = getattr(pipe, "encode_prompt", None)
    if encode_prompt is None:
        yield arguments
        return
    signature = inspect.signature(encode_prompt)

    def watched(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments.clear()
        arguments.update(bound.arguments)
        return encode_prompt(*args, **kwargs)

    pipe.encode_prompt = watched
    try:
        yield arguments
    finally:
        del pipe.encode_prompt
