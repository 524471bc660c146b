"""``WanTransformer3DModel`` as a family, and ``SkyReelsV2Transformer3DModel``, which is the same but for its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from torch import Tensor, nn

from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.diffusers.guidance import branches_as_said
from vstar_sdk.models.diffusers.pipelines import encoded_captions, text_encoder_of
from vstar_sdk.models.family import Branches, DenoiserCall, Family
from vstar_sdk.models.wan.experts import latent_frame_text
from vstar_sdk.models.wan.processor import WanProcessor, WanTextProcessor, wan_processor
from vstar_sdk.models.wan.sites import wan_sites, wan_text_sites
from vstar_sdk.models.wan.text import TOKENS, cut_off


class WanFamily(Family):
    """All tokens of a clip attend to each other; the pipeline calls the network for each branch of guidance by itself."""

    parallel = parallel_text = True

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return wan_sites(config)

    def text_sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.text_sites`."""
        return wan_text_sites(config)

    def processor(self, attn: Any, site: Site) -> WanProcessor | WanTextProcessor:
        """See `Family.processor`."""
        return wan_processor(attn, site)

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`: the first frame alone, then four or so to each latent frame."""
        return Rhythm.causal(pipe.vae_scale_factor_temporal)

    def latent_frames(self, call: DenoiserCall) -> int:
        """See `Family.latent_frames`.

        Raises:
            SamplerError: every latent frame has a timestep of its own (diffusion forcing of SkyReels V2).
        """
        if call.get("enable_diffusion_forcing"):
            raise SamplerError(
                "the denoiser was called for diffusion forcing, where every latent frame is at a step of its own",
                hint="use SkyReelsV2Pipeline: a step has one moment for all frames there",
            )
        return super().latent_frames(call)

    def most_frames(self, denoiser: nn.Module) -> int | None:
        """See `Family.most_frames`: the length of its table of rotary positions."""
        config: Any = denoiser.config
        return int(config.rope_max_seq_len)

    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: 512 tokens, as the pipeline takes them unless it is told otherwise."""
        return encoded_captions(pipe, captions, TOKENS)

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        return cut_off(text_encoder_of(pipe)[0], caption)

    def branches(self, pipe: Any, denoiser: nn.Module) -> AbstractContextManager[Branches]:
        """See `Family.branches`: the pipeline says ``cond`` or ``uncond`` around each call, for caches."""
        del pipe
        return branches_as_said(denoiser, self.latents, negative="uncond")

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: hooks around the cross-attentions fold the latent frames into the batch."""
        during.enter_context(latent_frame_text(denoiser, text.shape[1]))
        told: dict[str, Any] = {self.text: text.flatten(0, 1)}
        if (seen := call.get(_SEEN)) is not None:  # of the pictures of a video, for each of its frames
            told[_SEEN] = seen.unflatten(0, (len(text), -1)).repeat_interleave(text.shape[1], dim=0).flatten(0, 1)
        call.set(**told)


_SEEN = "encoder_hidden_states_image"


WAN = WanFamily()
