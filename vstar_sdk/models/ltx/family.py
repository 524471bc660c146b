"""``LTXVideoTransformer3DModel`` as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Rhythm
from vstar_sdk.models.diffusers.frame_text import folded_frames
from vstar_sdk.models.diffusers.guidance import branches_in_one_batch
from vstar_sdk.models.diffusers.ltx_tokens import readers, whole_frames
from vstar_sdk.models.diffusers.masked_text import with_presence, without_presence
from vstar_sdk.models.diffusers.pipelines import text_encoder_of
from vstar_sdk.models.family import Branches, DenoiserCall, Family
from vstar_sdk.models.ltx.processor import LTXProcessor, LTXTextProcessor, ltx_processor
from vstar_sdk.models.ltx.sites import ltx_sites, ltx_text_sites
from vstar_sdk.models.ltx.text import TOKENS, cut_off


class LTXFamily(Family):
    """All tokens of a clip attend to each other; both branches of guidance are one batch; the padding of the text is masked."""

    parallel = True
    mask = "encoder_attention_mask"
    """The denoiser's argument that says which tokens of the text are not padding."""

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return ltx_sites(config)

    def text_sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.text_sites`."""
        return ltx_text_sites(config)

    def processor(self, attn: Any, site: Site) -> LTXProcessor | LTXTextProcessor:
        """See `Family.processor`."""
        return ltx_processor(attn, site)

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`: the first frame alone, then eight to each latent frame."""
        return Rhythm.causal(pipe.vae_temporal_compression_ratio)

    def latent_frames(self, call: DenoiserCall) -> int:
        """See `Family.latent_frames`: latents are a row of tokens, and the pipeline says how many frames they are.

        Raises:
            SamplerError: it does not say so, or has tokens that belong to no frame.
        """
        return whole_frames(call, self.latents, "LTXPipeline or LTXImageToVideoPipeline")

    def picture(self, call: DenoiserCall) -> tuple[int, int]:
        """See `Family.picture`: the pipeline says it, in tokens."""
        return int(call["height"]), int(call["width"])

    def text_of(self, call: DenoiserCall) -> Tensor:
        """See `Family.text_of`: with one more channel, the mask."""
        return with_presence(call[self.text].float(), call[self.mask])

    @torch.no_grad()
    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: 128 tokens, as the pipeline takes them by itself; with one more channel, the mask."""
        text_encoder_of(pipe)
        given = [
            pipe.encode_prompt(caption, do_classifier_free_guidance=False, max_sequence_length=TOKENS)[:2] for caption in captions
        ]
        return torch.cat([with_presence(embeddings.float(), mask) for embeddings, mask in given])

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        tokenizer, _ = text_encoder_of(pipe)
        return cut_off(tokenizer, caption)

    def branches(self, pipe: Any, denoiser: nn.Module) -> AbstractContextManager[Branches]:
        """See `Family.branches`."""
        del denoiser
        return branches_in_one_batch(pipe, self.latents)

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: hooks around the cross-attentions fold the latent frames into the batch."""
        during.enter_context(folded_frames(readers(denoiser, "attn2"), text.shape[1]))
        embeddings, bias = without_presence(text)
        dtype = call[self.text].dtype
        call.set(**{self.text: embeddings.flatten(1, 2).to(dtype), self.mask: bias.flatten(0, 1)[:, None].to(dtype)})

    def tell_states(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor, nearest: Tensor) -> None:
        """See `Family.tell_states`."""
        del during, denoiser, nearest
        embeddings, bias = without_presence(text)
        dtype = call[self.text].dtype
        call.set(**{self.text: embeddings.flatten(1, 2).to(dtype), self.mask: bias.flatten(1, 2)[:, None].to(dtype)})


LTX = LTXFamily()
