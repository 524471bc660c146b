"""``Kandinsky5Transformer3DModel`` as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Rhythm
from vstar_sdk.models.diffusers.guidance import branches_by_turn
from vstar_sdk.models.diffusers.pipelines import text_encoder_of
from vstar_sdk.models.family import Branches, DenoiserCall, Family
from vstar_sdk.models.kandinsky5.frame_text import reading
from vstar_sdk.models.kandinsky5.processor import Kandinsky5Processor, Kandinsky5TextProcessor, kandinsky5_processor
from vstar_sdk.models.kandinsky5.sites import POSITIONS, kandinsky5_sites, kandinsky5_text_sites
from vstar_sdk.models.kandinsky5.text import Told, cut_off, packed, told, told_states


class Kandinsky5Family(Family):
    """All tokens of a clip attend to each other; the pipeline calls the network for the prompt, then for the negative one."""

    streams = ("visual_embed",)

    companions = Family.companions | {"text_encoder_2"}
    pooled = "pooled_projections"
    """The denoiser's argument that holds the vector of the whole text."""

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return kandinsky5_sites(config)

    def text_sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.text_sites`."""
        return kandinsky5_text_sites(config)

    def processor(self, attn: Any, site: Site) -> Kandinsky5Processor | Kandinsky5TextProcessor:
        """See `Family.processor`."""
        return kandinsky5_processor(attn, site)

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`: the first frame alone, then four to each latent frame."""
        return Rhythm.causal(int(pipe.vae_scale_factor_temporal))

    def frames(self, latents: Tensor) -> int:
        """See `Family.frames`: its latents are ``(videos, frames, height, width, channels)``."""
        return int(latents.shape[1])

    def picture(self, call: DenoiserCall) -> tuple[int, int]:
        """See `Family.picture`."""
        height, width = call[self.latents].shape[2:4]
        return int(height), int(width)

    def most_frames(self, denoiser: nn.Module) -> int | None:
        """See `Family.most_frames`: the length of its table of rotary positions."""
        del denoiser
        return POSITIONS

    @torch.no_grad()
    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: the tokens and the pooled vector, packed (see `packed`)."""
        text_encoder_of(pipe)
        return torch.cat([packed(*pipe.encode_prompt(caption, dtype=pipe.transformer.dtype)[:2]) for caption in captions])

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        processor, _ = text_encoder_of(pipe)
        return cut_off(getattr(processor, "tokenizer", processor), caption)

    def branches(self, pipe: Any, denoiser: nn.Module) -> AbstractContextManager[Branches]:
        """See `Family.branches`: each has positions of its text of its own, and the prompt comes first."""
        del denoiser
        return branches_by_turn(pipe, self.latents, "text_rope_pos")

    def text_of(self, call: DenoiserCall) -> Tensor:
        """See `Family.text_of`: packed."""
        return packed(call[self.text], call[self.pooled])

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: hooks fold the latent frames into the batch, but for the self-attentions."""
        self._tell(during, denoiser, call, told(text, call[self.pooled].shape[-1]))

    def tell_states(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor, nearest: Tensor) -> None:
        """See `Family.tell_states`: a frame has the vector of the state that it reads most of."""
        self._tell(during, denoiser, call, told_states(text, call[self.pooled].shape[-1], nearest))

    def _tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Told) -> None:
        own, pooled, timestep = call[self.text], call[self.pooled], call[self.timestep]
        during.enter_context(reading(denoiser, text))
        call.set(
            **{
                self.text: text.tokens.to(own.dtype),
                self.pooled: text.pooled.to(pooled.dtype),
                self.timestep: timestep.repeat_interleave(len(text.tokens) // len(timestep)),
                "text_rope_pos": torch.arange(text.tokens.shape[1], device=own.device),
            }
        )


KANDINSKY5 = Kandinsky5Family()
