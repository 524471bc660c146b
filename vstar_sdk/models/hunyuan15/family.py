"""``HunyuanVideo15Transformer3DModel`` as a family."""

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
from vstar_sdk.models.hunyuan15.processor import Hunyuan15Processor, hunyuan15_processor
from vstar_sdk.models.hunyuan15.sites import hunyuan15_sites, hunyuan15_text_sites
from vstar_sdk.models.hunyuan15.states import states_told_apart, text_of_states
from vstar_sdk.models.hunyuan15.text import Text, cut_off, unpacked

ARGUMENTS = ("encoder_hidden_states", "encoder_attention_mask", "encoder_hidden_states_2", "encoder_attention_mask_2")
"""The network's arguments that hold the text, in the order of `Text`."""


class Hunyuan15Family(Family):
    """All tokens of a clip and its text attend to each other; a guider calls the network for each of its branches."""

    one_text = True
    streams = ("hidden_states", "encoder_hidden_states")
    companions = Family.companions | {"text_encoder_2"}

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return hunyuan15_sites(config)

    def text_sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.text_sites`."""
        return hunyuan15_text_sites(config)

    def processor(self, attn: Any, site: Site) -> Hunyuan15Processor:
        """See `Family.processor`."""
        return hunyuan15_processor(attn, site)

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`: the first frame alone, then four to each latent frame."""
        return Rhythm.causal(int(pipe.vae_scale_factor_temporal))

    @torch.no_grad()
    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: the tokens of both text encoders, packed with their masks (see `Text`)."""
        text_encoder_of(pipe)
        given = [Text(*pipe.encode_prompt(caption, dtype=pipe.transformer.dtype)).packed() for caption in captions]
        return torch.cat(given)

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        tokenizer, _ = text_encoder_of(pipe)
        return cut_off(tokenizer, caption, pipe.tokenizer_max_length)

    def branches(self, pipe: Any, denoiser: nn.Module) -> AbstractContextManager[Branches]:
        """See `Family.branches`: the guider's name of the branch, ``pred_uncond`` for the negative prompt."""
        del pipe
        return branches_as_said(denoiser, self.latents, negative="pred_uncond")

    def text_of(self, call: DenoiserCall) -> Tensor:
        """See `Family.text_of`: packed."""
        return Text(*(call[name] for name in ARGUMENTS)).packed()

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: all frames read the one text."""
        del during
        own = Text(*(call[name] for name in ARGUMENTS))
        one = text_of_all_frames(text, type(denoiser).__name__)
        given = unpacked(one, own.glyphs.shape[1], (own.prompt.shape[-1], own.glyphs.shape[-1]))
        call.set(**dict(zip(ARGUMENTS, given, strict=True)))

    def tell_states(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor, nearest: Tensor) -> None:
        """See `Family.tell_states`."""
        del nearest
        own = Text(*(call[name] for name in ARGUMENTS))
        told = text_of_states(text, own.glyphs.shape[1], (own.prompt.shape[-1], own.glyphs.shape[-1]))
        during.enter_context(states_told_apart(denoiser, told, text.shape[1], call["image_embeds"]))
        call.set(**dict(zip(ARGUMENTS, told, strict=True)))


HUNYUAN15 = Hunyuan15Family()
