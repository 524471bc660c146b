"""The joint sibling, loaded: text encoder, denoiser and decoder as the sampler sees them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vstar_sdk.errors import ModelError
from vstar_sdk.miniworld.joint.family import MINIWORLD_TRANSFORMER, MiniworldTransformerFamily
from vstar_sdk.miniworld.joint.network import MiniworldTransformer3DModel
from vstar_sdk.miniworld.networks.autoencoder import Autoencoder
from vstar_sdk.miniworld.networks.loading import load_weights
from vstar_sdk.miniworld.networks.text_encoder import TextEncoder
from vstar_sdk.miniworld.prompts import Prompts, load_tokenizer
from vstar_sdk.models.diffusers.framewise_adapter import FramewiseAdapter, Networks
from vstar_sdk.models.diffusers.placement import Placement
from vstar_sdk.models.diffusers.site_check import check_sites
from vstar_sdk.models.facts import Facts
from vstar_sdk.models.pipeline_options import FramewiseOptions
from vstar_sdk.models.wan.adapter import self_attentions
from vstar_sdk.models.wan.experts import latent_frame_text
from vstar_sdk.weights.components import load_component
from vstar_sdk.weights.directory import file_hash, read_config, weight_hashes

BASE_WEIGHTS = ("text_encoder/model.safetensors", "vae/diffusion_pytorch_model.safetensors")
"""The files of miniworld that it shares."""


@dataclass(frozen=True)
class MiniworldDitAdapter(FramewiseAdapter):
    """A `vstar_sdk.models.contract.SamplingAdapter`; made by `load`.

    Attributes:
        directory: of the denoiser.
        base: of miniworld.
    """

    directory: Path
    base: Path

    @property
    def family(self) -> MiniworldTransformerFamily:
        """What nursing needs to know of the denoiser."""
        return MINIWORLD_TRANSFORMER

    def weights(self) -> Mapping[str, str]:
        """SHA-256 of every weight file, by its path in its model's directory."""
        return {**weight_hashes(self.directory), **{name: file_hash(self.base / name) for name in BASE_WEIGHTS}}

    def prepared(self) -> AbstractContextManager[None]:
        """See `FramewiseAdapter.prepared`: each call brings its own hooks, for it says how many texts there are."""
        return nullcontext()

    def predict(self, latents: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """See `FramewiseAdapter.predict`."""
        with latent_frame_text(self.denoiser, frames=text.shape[1]):
            return self.denoiser(latents, timestep.expand(len(latents)), text.flatten(0, 1), return_dict=False)[0]

    def means(self, pictures: Tensor) -> Tensor:
        """See `FramewiseAdapter.means`."""
        return self.networks.vae.encode(pictures)


def load(directory: Path, base: Path, facts: Facts, device: str, dtype: str, options: FramewiseOptions) -> MiniworldDitAdapter:
    """Load the model.

    Args:
        directory: with the ``transformer``.
        base: of miniworld, with ``vae``, ``text_encoder`` and ``tokenizer``.
        facts: what is known of it.
        device: a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        options: memory and speed.

    Raises:
        ModelError: a file is missing or damaged, or does not match its configuration; or miniworld is not the one that it was
            trained with.
    """
    precision = getattr(torch, dtype)
    check_base(directory, base)
    tokenizer = load_tokenizer(base / "tokenizer" / "tokenizer.json")
    denoiser = load_component(MiniworldTransformer3DModel, directory, "transformer", precision)
    check_sites(denoiser, facts, self_attentions(denoiser), directory)
    vae = load_weights(Autoencoder, base, "vae", "diffusion_pytorch_model.safetensors", precision)
    encoder = load_weights(TextEncoder, base, "text_encoder", "model.safetensors", precision)
    placement = Placement((encoder, denoiser, vae), device, options.offload)
    networks = Networks(denoiser=denoiser, vae=vae, text=Prompts(tokenizer, encoder, placement), placement=placement)
    return MiniworldDitAdapter(facts, networks, options, directory, base)


def check_base(directory: Path, base: Path) -> None:
    """Be sure that the text encoder and the decoder are those that the denoiser was trained with.

    Args:
        directory: of the denoiser, with ``base.json``, which its export has written.
        base: of miniworld.

    Raises:
        ModelError: one is another.
    """
    for name, wanted in read_config(directory, "base.json").items():
        if file_hash(base / name) != wanted:
            raise ModelError(
                f"{base / name}: miniworld-dit was trained with another version of this file",
                hint="reinstall the package vstar-sdk; after a new training of miniworld, train miniworld-dit too",
            )
