"""Wan, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from diffusers.models.transformers.transformer_skyreels_v2 import SkyReelsV2Transformer3DModel
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor, nn
from transformers import AutoTokenizer, UMT5EncoderModel

from vstar_sdk.errors import SamplerError
from vstar_sdk.models.contract import Condition
from vstar_sdk.models.diffusers.latent_adapter import LatentAdapter
from vstar_sdk.models.diffusers.parallel import check_share, join, share_tokens
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.prompts import tokens_of
from vstar_sdk.models.diffusers.quantized import load_denoiser
from vstar_sdk.models.diffusers.site_check import check_sites
from vstar_sdk.models.diffusers.transformer_loras import add_loras, check_of_frames
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.loras import Lora
from vstar_sdk.models.modules import modules_of
from vstar_sdk.models.wan.decoding import decode_causally
from vstar_sdk.models.wan.encoding import encode_causally
from vstar_sdk.models.wan.experts import ResidentNetworks, WanExperts, latent_frame_text
from vstar_sdk.models.wan.family import WAN, WanFamily
from vstar_sdk.models.wan.pictures import NOTHING, Eyes, Given, condition
from vstar_sdk.models.wan.processor import ATTENTIONS, reads_text
from vstar_sdk.models.wan.text import TOKENS, clean, cut_off
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.directory import read_config

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.models.wan.options import WanOptions


OF_FRAMES = re.compile(r"(transformer(_2)?\.)(blocks\.\d+\.(attn[12]\.to_(q|k|v|out\.0)|ffn\.net\..+)|proj_out)")
"""The layers whose tokens belong to a frame each; the keys and values of a text belong to the frame that reads it."""


@dataclass(frozen=True, kw_only=True)
class WanAdapter(LatentAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        eyes: what sees pictures, in models that have it.
        given: the pictures before it.
    """

    denoiser: WanExperts
    options: WanOptions
    resident: ResidentNetworks
    eyes: Eyes | None = None
    given: Given = NOTHING

    @property
    def family(self) -> WanFamily:
        """See `LatentAdapter.family`."""
        return WAN

    def encode_one(self, prompt: str) -> Tensor:
        """See `LatentAdapter.encode_one`: 512 last hidden states of the text encoder, zeros after the end of the prompt."""
        tokens, mask = tokens_of(self.tokenizer, clean(prompt), TOKENS, self.device)
        return self.text_encoder(tokens, mask).last_hidden_state * mask[..., None]

    def cut_off(self, prompt: str) -> str:
        """See `LatentAdapter.cut_off`."""
        return cut_off(self.tokenizer, prompt)

    @property
    def latent(self) -> tuple[int, int]:
        """See `LatentAdapter.latent`."""
        return self.vae.config["z_dim"], self.vae.config["scale_factor_spatial"]

    @property
    def networks(self) -> Sequence[Any]:
        """See `LatentAdapter.networks`."""
        return [network for network in (self.denoiser.transformer, self.denoiser.transformer_2) if network is not None]

    def sampling(self) -> AbstractContextManager[None]:
        """See `LatentAdapter.sampling`: the network that was called last stays on the device."""
        return self.resident.kept()

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.predict`: by the network that the timestep belongs to.

        Raises:
            SamplerError: the network reads a picture, and there is none before it.
        """
        network, read = self.denoiser.at(timestep), text.flatten(0, 1).to(latents.dtype)
        if self.facts.needs and self.given.channels is None:
            raise SamplerError(f"{self.facts.name} makes a video from a picture", hint="write start: {first: PICTURE}")
        self.resident.bring(network)
        patch: tuple[int, int, int] = network.config["patch_size"]
        check_share(network, latents[0, 0].numel() // math.prod(patch))
        with latent_frame_text(network, frames=text.shape[1]):
            return network(
                hidden_states=self.given.beside(latents),
                timestep=self.given.moments(timestep, latents, network.config["patch_size"][1]),
                encoder_hidden_states=read,
                encoder_hidden_states_image=self.given.embeddings(len(read), read),
                return_dict=False,
            )[0]

    def condition(self, pictures: Mapping[str, NDArray[np.uint8]], frames: int, generator: torch.Generator) -> Condition:
        """See `vstar_sdk.models.contract.ConditionedAdapter.condition`; nothing is drawn."""
        del generator
        given, clean = condition(
            self.vae,
            self.eyes,
            pictures,
            frames,
            self.placement,
            beside=bool(self.facts.needs),
            tiling=self.options.tiling,
        )
        on_device = [None if tensor is None else tensor.to(self.device) for tensor in (given.channels, given.seen)]
        return Condition(replace(self, given=Given(*on_device, still=given.still)), tuple(range(given.still)), clean)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """See `LatentAdapter.decode`."""
        return decode_causally(self.vae, latents, self.placement, tiling=self.options.tiling)

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """See `LatentAdapter.encode_frames`."""
        return encode_causally(self.vae, frames, self.placement, tiling=self.options.tiling)


def load(directory: Path, facts: Facts, options: WanOptions, device: str, dtype: str, loras: tuple[Lora, ...]) -> WanAdapter:
    """Load a Wan model from a directory in diffusers format.

    Args:
        directory: of the pipeline.
        facts: what is known of it.
        options: how it runs.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        loras: to be put into the denoiser.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    if options.ulysses > 1:
        device = join(options.ulysses, device)
    precision = getattr(torch, dtype)
    tokenizer = load_component(AutoTokenizer, directory, "tokenizer")
    names = sorted({site.name.partition(".")[0] for site in facts.sites})
    networks: list[Any] = [
        load_denoiser(network_class(directory, name), directory, name, precision, options.quantized) for name in names
    ]
    denoiser = WanExperts(networks[0], networks[1] if len(networks) == 2 else None)
    check_sites(networks[0], facts, self_attentions(denoiser), directory)
    loader = "SkyReelsV2LoraLoaderMixin" if isinstance(networks[0], SkyReelsV2Transformer3DModel) else "WanLoraLoaderMixin"
    for name, network in zip(names, networks, strict=True):
        add_loras(loader, loras, {"transformer": network}, folder=name)
    check_of_frames(denoiser, loras, OF_FRAMES, facts.name)
    ratio = read_config(directory, "model_index.json").get("boundary_ratio")
    denoiser.boundary = None if ratio is None else ratio * facts.scheduler_config["num_train_timesteps"]
    # Half precision shows in the picture, and next to the denoiser float32 costs little.
    vae = load_component(AutoencoderKLWan, directory, "vae", torch.float32)
    text_encoder = load_component(UMT5EncoderModel, directory, "text_encoder", precision)
    eyes = _eyes(directory) if networks[0].config.get("image_dim") is not None else None
    placement = Placement((text_encoder, *networks, vae, *([] if eyes is None else [eyes.network])), device, options.offload)
    if options.ulysses > 1:
        share_tokens(networks, options.ulysses, device)
    return WanAdapter(
        facts=facts,
        directory=directory,
        denoiser=denoiser,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        options=options,
        loras=loras,
        placement=placement,
        resident=ResidentNetworks(placement),
        eyes=eyes,
    )


def _eyes(directory: Path) -> Eyes:
    """What sees a picture; in float32, as its authors advise."""
    from transformers import CLIPImageProcessor, CLIPVisionModel  # here, because transformers writes a warning at the import

    network = load_component(CLIPVisionModel, directory, "image_encoder", torch.float32)
    return Eyes(network, load_component(CLIPImageProcessor, directory, "image_processor"))


def network_class(directory: Path, name: str) -> Any:
    """The class of a denoising network: Wan's, or SkyReels V2's, whose blocks are the same.

    Args:
        directory: of the pipeline.
        name: of the network's folder.
    """
    kinds = {kind.__name__: kind for kind in (WanTransformer3DModel, SkyReelsV2Transformer3DModel)}
    return kinds[read_config(directory, f"{name}/config.json").get("_class_name", WanTransformer3DModel.__name__)]


def self_attentions(denoiser: nn.Module) -> set[str]:
    """The names of all self-attentions, from the modules themselves."""
    return {name for name, module in modules_of(denoiser) if isinstance(module, ATTENTIONS) and not reads_text(module)}
