"""HunyuanVideo 1.5, loaded: text encoders, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.autoencoder_kl_hunyuanvideo15 import AutoencoderKLHunyuanVideo15
from diffusers.models.transformers.transformer_hunyuan_video15 import (
    HunyuanVideo15Transformer3DModel,
    HunyuanVideo15TransformerBlock,
)
from diffusers.pipelines.hunyuan_video1_5.pipeline_hunyuan_video1_5 import HunyuanVideo15Pipeline
from PIL import Image
from torch import Tensor
from transformers import AutoTokenizer, ByT5Tokenizer, Qwen2_5_VLTextModel, T5EncoderModel

from vstar_sdk.errors import SamplerError
from vstar_sdk.models.contract import Condition
from vstar_sdk.models.diffusers.latent_adapter import LatentAdapter
from vstar_sdk.models.diffusers.one_text import text_of_all_frames
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.quantized import load_denoiser
from vstar_sdk.models.diffusers.site_check import attentions_within, check_sites
from vstar_sdk.models.diffusers.still import still_latents
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.hunyuan15.decoding import decode_causally
from vstar_sdk.models.hunyuan15.encoding import encode_causally
from vstar_sdk.models.hunyuan15.family import HUNYUAN15, Hunyuan15Family
from vstar_sdk.models.hunyuan15.inputs import Picture, call
from vstar_sdk.models.hunyuan15.states import text_of_states
from vstar_sdk.models.hunyuan15.text import Lengths, Text, cut_off
from vstar_sdk.weights.components import load_component

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vstar_sdk.models.hunyuan15.options import Hunyuan15Options

_pipeline: Any = HunyuanVideo15Pipeline  # whose functions are private, and read the prompt


@dataclass(frozen=True, kw_only=True)
class Hunyuan15Adapter(LatentAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        eyes: a ``SiglipVisionModel`` that sees a picture; None in models that read none.
        feature_extractor: its image processor.
        first: the picture before it.
    """

    text_encoder_2: T5EncoderModel
    tokenizer_2: Any
    options: Hunyuan15Options
    lengths: Lengths = field(default_factory=Lengths)
    eyes: Any = None
    feature_extractor: Any = None
    first: Picture | None = None

    @property
    def family(self) -> Hunyuan15Family:
        """See `LatentAdapter.family`."""
        return HUNYUAN15

    @property
    def encoders(self) -> Sequence[Any]:
        """See `LatentAdapter.encoders`: none for all of `encode_one`, for the two take turns."""
        return ()

    def encode_one(self, prompt: str) -> Tensor:
        """See `LatentAdapter.encode_one`: the tokens of both encoders with their masks, see `Text.packed`."""
        with self.placement.using(self.text_encoder):
            read = _pipeline._get_mllm_prompt_embeds(self.text_encoder, self.tokenizer, prompt, self.device, self.lengths.prompt)
        with self.placement.using(self.text_encoder_2):
            glyphs = _pipeline._get_byt5_prompt_embeds(
                self.tokenizer_2, self.text_encoder_2, prompt, self.device, self.lengths.glyphs
            )
        return Text(*read, *glyphs).packed()

    def cut_off(self, prompt: str) -> str:
        """See `LatentAdapter.cut_off`."""
        return cut_off(self.tokenizer, prompt, self.lengths.prompt)

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `LatentAdapter.predict`.

        Raises:
            SamplerError: the network reads a picture, and there is none before it.
        """
        if self.facts.needs and self.first is None:
            raise SamplerError(f"{self.facts.name} makes a video from a picture", hint="write start: {first: PICTURE}")
        dtype, config = latents.dtype, self.denoiser.config
        one, lengths = text_of_all_frames(text, self.facts.name).to(dtype), self.lengths
        each = torch.unflatten(one, 1, (-1, lengths.prompt + lengths.glyphs))
        told = text_of_states(each, lengths.glyphs, (config.text_embed_dim, config.text_embed_2_dim))
        moments = timestep.expand(len(latents)).to(dtype)
        return call(self.denoiser, latents, moments, told, lengths.picture, each.shape[1], self.first)

    def decode(self, latents: Tensor) -> Iterator[NDArray[np.uint8]]:
        """See `LatentAdapter.decode`."""
        return decode_causally(self.vae, latents, self.placement, tiling=self.options.tiling)

    def encode_frames(self, frames: Iterable[NDArray[np.uint8]]) -> Tensor:
        """See `LatentAdapter.encode_frames`."""
        return self.scaled(encode_causally(self.vae, frames, self.placement, tiling=self.options.tiling))

    @torch.no_grad()
    def condition(self, pictures: Mapping[str, NDArray[np.uint8]], frames: int, generator: torch.Generator) -> Condition:
        """See `vstar_sdk.models.contract.ConditionedAdapter.condition`; nothing is drawn."""
        del frames, generator
        from diffusers.pipelines.hunyuan_video1_5 import pipeline_hunyuan_video1_5_image2video as module  # it writes a warning

        whole: Any = module.HunyuanVideo15ImageToVideoPipeline
        latent = self.scaled(still_latents(self.vae, pictures["first"], self.placement, tiling=self.options.tiling))
        shown = Image.fromarray(np.ascontiguousarray(pictures["first"]))
        with self.placement.using(self.eyes):
            seen = whole._get_image_embeds(self.eyes, self.feature_extractor, shown, self.device)
        return Condition(replace(self, first=Picture(latent.to(self.device), seen)))


def load(directory: Path, facts: Facts, options: Hunyuan15Options, device: str, dtype: str) -> Hunyuan15Adapter:
    """Load a HunyuanVideo 1.5 model from a directory in diffusers format.

    Args:
        directory: of the pipeline.
        facts: what is known of it.
        options: how it runs.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration.
    """
    precision = getattr(torch, dtype)
    tokenizer = load_component(AutoTokenizer, directory, "tokenizer")
    tokenizer_2 = load_component(ByT5Tokenizer, directory, "tokenizer_2")
    network = load_denoiser(HunyuanVideo15Transformer3DModel, directory, "transformer", precision, options.quantized)
    check_sites(network, facts, attentions_within(network, HunyuanVideo15TransformerBlock, Attention), directory)
    vae = load_component(AutoencoderKLHunyuanVideo15, directory, "vae", precision)
    text_encoder = load_component(Qwen2_5_VLTextModel, directory, "text_encoder", precision)
    text_encoder_2 = load_component(T5EncoderModel, directory, "text_encoder_2", precision)
    eyes: Any = None
    feature_extractor: Any = None
    if facts.needs:
        from transformers import SiglipImageProcessor, SiglipVisionModel  # transformers writes a warning at the import

        eyes = load_component(SiglipVisionModel, directory, "image_encoder", precision)
        feature_extractor = load_component(SiglipImageProcessor, directory, "feature_extractor")
    components = (text_encoder, text_encoder_2, network, vae, *([] if eyes is None else [eyes]))
    return Hunyuan15Adapter(
        facts=facts,
        directory=directory,
        denoiser=network,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        text_encoder_2=text_encoder_2,
        tokenizer_2=tokenizer_2,
        options=options,
        placement=Placement(components, device, options.offload),
        eyes=eyes,
        feature_extractor=feature_extractor,
    )
