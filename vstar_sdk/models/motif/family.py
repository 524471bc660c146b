"""``MotifVideoTransformer3DModel`` as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Rhythm
from vstar_sdk.models.diffusers.guidance import branches_as_said
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.pipelines import text_encoder_of
from vstar_sdk.models.family import Branches, DenoiserCall, Family
from vstar_sdk.models.motif.processor import MotifProcessor, MotifTextProcessor, motif_processor
from vstar_sdk.models.motif.sites import motif_sites, motif_text_sites
from vstar_sdk.models.motif.text import cut_off, packed, picture_shared, unpacked


class MotifFamily(Family):
    """All tokens of a clip and its text attend to each other; a guider calls the network for each of its branches."""

    one_text = True
    streams = ("hidden_states", "encoder_hidden_states")
    mask = "encoder_attention_mask"
    """The denoiser's argument that says which tokens of the text are no padding."""

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return motif_sites(config)

    def text_sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.text_sites`."""
        return motif_text_sites(config)

    def processor(self, attn: Any, site: Site) -> MotifProcessor | MotifTextProcessor:
        """See `Family.processor`."""
        return motif_processor(attn, site)

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`: the first frame alone, then four to each latent frame."""
        return Rhythm.causal(int(pipe.vae_scale_factor_temporal))

    @torch.no_grad()
    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: as many tokens as the pipeline takes unless it is told otherwise, see `packed`."""
        text_encoder_of(pipe)
        given = (pipe.encode_prompt(caption) for caption in captions)
        return torch.cat([packed(embeddings, mask) for embeddings, _, mask, _ in given])

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        tokenizer, _ = text_encoder_of(pipe)
        return cut_off(tokenizer, caption)

    def branches(self, pipe: Any, denoiser: nn.Module) -> AbstractContextManager[Branches]:
        """See `Family.branches`: the guider's name of the branch, ``pred_uncond`` for the negative prompt."""
        del pipe
        return branches_as_said(denoiser, self.latents, negative="pred_uncond")

    def text_of(self, call: DenoiserCall) -> Tensor:
        """See `Family.text_of`: packed."""
        return packed(call[self.text], call[self.mask])

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: all frames read the one text."""
        del during
        embeddings, mask = unpacked(text_of_all_frames(text, type(denoiser).__name__))
        call.set(**{self.text: embeddings, self.mask: mask})

    def tell_states(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor, nearest: Tensor) -> None:
        """See `Family.tell_states`: the states' tokens one after the other; each token is embedded by itself."""
        del nearest
        picture = call.get("image_embeds")
        if picture is not None:
            during.enter_context(picture_shared(denoiser, picture.shape[1], *text.shape[1:3]))
        embeddings, mask = unpacked(text.flatten(1, 2))
        call.set(**{self.text: embeddings, self.mask: mask})


MOTIF = MotifFamily()
