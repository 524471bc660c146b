"""``CosmosTransformer3DModel`` as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from torch import Tensor, nn

from vstar_sdk.attention.sites import Site, SiteAddress
from vstar_sdk.clock import Rhythm
from vstar_sdk.errors import SamplerError
from vstar_sdk.models.cosmos.processor import CosmosProcessor, CosmosTextProcessor, cosmos_processor
from vstar_sdk.models.cosmos.sites import cosmos_sites, cosmos_text_sites
from vstar_sdk.models.cosmos.text import TOKENS, cut_off
from vstar_sdk.models.diffusers.frame_text import folded_frames
from vstar_sdk.models.diffusers.guidance import branches_by_turn
from vstar_sdk.models.diffusers.pipelines import encoded_captions, text_encoder_of
from vstar_sdk.models.family import Branches, DenoiserCall, Family
from vstar_sdk.models.modules import modules_of


def readers(network: nn.Module) -> list[nn.Module]:
    """The attentions of a ``CosmosTransformer3DModel`` to the text."""
    return [module for name, module in modules_of(network) if name.endswith(".attn2")]


class CosmosFamily(Family):
    """All tokens of a clip attend to each other; the pipeline calls the network for each branch of guidance by itself."""

    def sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.sites`."""
        return cosmos_sites(config)

    def text_sites(self, config: Mapping[str, Any]) -> tuple[SiteAddress, ...]:
        """See `Family.text_sites`."""
        return cosmos_text_sites(config)

    def processor(self, attn: Any, site: Site) -> CosmosProcessor | CosmosTextProcessor:
        """See `Family.processor`."""
        return cosmos_processor(attn, site)

    def rhythm(self, pipe: Any) -> Rhythm:
        """See `Family.rhythm`: the first frame alone, then four to each latent frame."""
        return Rhythm.causal(int(pipe.vae_scale_factor_temporal))

    def timestep_of(self, call: DenoiserCall, scheduler: Any) -> Any:
        """See `Family.timestep_of`: the network is given a noise level from 0 to 1 for each frame, nearly 0 for given ones.

        Raises:
            SamplerError: the scheduler has no such level.
        """
        level = float(call[self.timestep].max())
        levels = [float(one) for one in scheduler.sigmas[: len(scheduler.timesteps)]]
        nearest = min(range(len(levels)), key=lambda index: abs(levels[index] - level))
        if abs(levels[nearest] - level) > 1e-5:
            raise SamplerError(
                f"the denoiser was called at the noise level {level:g}, which {type(scheduler).__name__} does not have",
                hint="attach reads the moment from the pipeline's own scheduler: set its timesteps with set_timesteps",
            )
        return scheduler.timesteps[nearest]

    def most_frames(self, denoiser: nn.Module) -> int | None:
        """See `Family.most_frames`: the length of its table of rotary positions, which all axes share."""
        config: Any = denoiser.config
        return max(size // patch for size, patch in zip(config.max_size, config.patch_size, strict=True))

    def encode(self, pipe: Any, captions: Sequence[str]) -> Tensor:
        """See `Family.encode`: 512 tokens, with the hidden states of all layers of the text encoder in their channels."""
        return encoded_captions(pipe, captions, TOKENS)

    def cut_off(self, pipe: Any, caption: str) -> str:
        """See `Family.cut_off`."""
        return cut_off(text_encoder_of(pipe)[0], caption)

    def branches(self, pipe: Any, denoiser: nn.Module) -> AbstractContextManager[Branches]:
        """See `Family.branches`: the pipeline calls the network for the prompt first, with one text object for all steps."""
        del denoiser
        return branches_by_turn(pipe, self.latents, self.text)

    def tell(self, during: ExitStack, denoiser: nn.Module, call: DenoiserCall, text: Tensor) -> None:
        """See `Family.tell`: hooks around the cross-attentions fold the latent frames into the batch."""
        during.enter_context(folded_frames(readers(denoiser), text.shape[1]))
        call.set(**{self.text: text.flatten(0, 1)})


COSMOS = CosmosFamily()
