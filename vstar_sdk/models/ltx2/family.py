"""``LTX2VideoTransformer3DModel`` as a family."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Clock, Rhythm
from vstar_sdk.models.diffusers.frame_text import folded_frames
from vstar_sdk.models.diffusers.guidance import branches_in_one_batch, calls_named
from vstar_sdk.models.diffusers.ltx_tokens import readers, whole_frames
from vstar_sdk.models.diffusers.pipelines import text_encoder_of
from vstar_sdk.models.family import Branches, DenoiserCall, Family
from vstar_sdk.models.ltx2.audio_text import folded_runs, tokens_of_frames
from vstar_sdk.models.ltx2.processor import LTX2Processor, LTX2TextProcessor, ltx2_processor
from vstar_sdk.models.ltx2.sites import ltx2_sites, ltx2_text_sites
from vstar_sdk.models.ltx2.text import TOKENS, cut_off, joined, parted


class LTX2Family(Family):
    """All video tokens of a clip attend to each other; the sound has attentions of its own, which nobody regularizes.

    A pipeline calls the network up to three times a step: for both branches of guidance in one batch, with values in the place of
    some attentions, and with video and sound apart. The last two are under the prompt.
    """

    parallel = True
    streams = ("hidden_states", "audio_hidden_states")
    companions = Family.companions | {"connectors", "audio_vae", "vocoder", "prompt_enhancer", "duration_head"}

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return ltx2_sites(config)

    def text_sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.text_sites`."""
        return ltx2_text_sites(config)

    def processor(self, attn: Any, site: Site) -> LTX2Processor | LTX2TextProcessor:
        """See `Family.processor`."""
        return ltx2_processor(attn, site)

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`: the first frame alone, then eight to each latent frame."""
        return Rhythm.causal(pipe.vae_temporal_compression_ratio)

    def latent_frames(self, call: DenoiserCall) -> int:
        """See `Family.latent_frames`.

        Raises:
            SamplerError: the pipeline does not say so, or has tokens that belong to no frame.
        """
        return whole_frames(call, self.latents, "LTX2Pipeline or LTX2ImageToVideoPipeline")

    def picture(self, call: DenoiserCall) -> tuple[int, int]:
        """See `Family.picture`: the pipeline says it, in tokens."""
        return int(call["height"]), int(call["width"])

    def text_of(self, call: DenoiserCall) -> Tensor:
        """See `Family.text_of`: the embeddings for video and sound next to each other, and the mask."""
        return joined(call[self.text], call[f"audio_{self.text}"], call["encoder_attention_mask"])

    @torch.no_grad()
    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: what the connectors make of 1024 tokens, in the form of `text_of`."""
        tokenizer, _ = text_encoder_of(pipe)
        encoded: list[Tensor] = []
        for caption in captions:
            read, mask = pipe.encode_prompt(caption, do_classifier_free_guidance=False, max_sequence_length=TOKENS)[:2]
            encoded.append(joined(*pipe.connectors(read, mask, padding_side=getattr(tokenizer, "padding_side", "left"))))
        return torch.cat(encoded)

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        tokenizer, _ = text_encoder_of(pipe)
        return cut_off(tokenizer, caption)

    @contextmanager
    def branches(self, pipe: Any, denoiser: nn.Module) -> Generator[Branches]:
        """See `Family.branches`: the pipeline names its calls, for caches."""
        with branches_in_one_batch(pipe, self.latents) as in_one_batch, calls_named(denoiser) as branch:
            yield lambda call: in_one_batch(call) if branch == ["cond_uncond"] else (True,) * len(call[self.latents])

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: hooks around the cross-attentions fold the latent frames, and the sound of each, into the batch."""
        own = call[self.text]
        video, audio, bias = parted(text, own.shape[-1])
        during.enter_context(folded_frames(readers(denoiser, "attn2"), text.shape[1]))
        call.set(**{self.text: video.flatten(1, 2).to(own.dtype)}, encoder_attention_mask=_mask(bias.flatten(0, 1), own))
        self._tell_sound(during, denoiser, call, audio, bias)

    def tell_states(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor, nearest: Tensor) -> None:
        """See `Family.tell_states`: the sound of a frame reads the state that the frame reads most of."""
        own = call[self.text]
        video, audio, bias = parted(text, own.shape[-1])
        call.set(**{self.text: video.flatten(1, 2).to(own.dtype)}, encoder_attention_mask=_mask(bias.flatten(1, 2), own))
        videos = torch.arange(len(text), device=nearest.device)[:, None]
        self._tell_sound(during, denoiser, call, audio[videos, nearest], bias[videos, nearest])

    def _tell_sound(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor, bias: Tensor) -> None:
        """Give the sound of every frame its own text: ``(videos, latent frames, tokens, dim)``, and the bias of its tokens."""
        sound = call[f"audio_{self.text}"]
        config: Any = denoiser.config
        clock = Clock.of_latents(text.shape[1], 1.0, Rhythm.causal(config.vae_scale_factors[0]))
        runs = tokens_of_frames(clock, call["audio_hidden_states"].shape[1])
        during.enter_context(folded_runs(readers(denoiser, "audio_attn2"), runs))
        told = text.flatten(1, 2).to(sound.dtype)
        call.set(**{f"audio_{self.text}": told}, audio_encoder_attention_mask=_mask(bias.flatten(0, 1), sound))


def _mask(bias: Tensor, like: Tensor) -> Tensor:
    """The bias of text tokens as the network takes it: ``(videos, 1, tokens)``."""
    return bias[:, None].to(like.dtype)


LTX2 = LTX2Family()
