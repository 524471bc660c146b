"""A tiny VideoCrafter2 in the official layout, with random weights, and one around the UNet of the recording."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parent))  # tests are collected without packages

import layout

GOLDEN = Path(__file__).parents[2] / "golden" / "videocrafter2_tiny.safetensors"

CAPTIONS = ["a green landscape in summer", "a snowy landscape in winter", "an orange landscape in autumn"]


@pytest.fixture(scope="session")
def golden() -> dict[str, torch.Tensor]:
    """The recording: the UNet's weights, inputs and outputs."""
    return load_file(GOLDEN)


@pytest.fixture(scope="session")
def golden_config() -> dict[str, Any]:
    """The configuration of the recorded UNet."""
    with safe_open(GOLDEN, framework="pt") as file:
        return json.loads(file.metadata()["config"])


@pytest.fixture(scope="session")
def clip_tokenizer(tmp_path_factory) -> Path:
    """A tokenizer directory like CLIP's, but of few words: the token 0 is "!", and it pads with the end token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["!", "<|startoftext|>", "<|endoftext|>"]
    bpe.train_from_iterator(CAPTIONS, trainers.BpeTrainer(vocab_size=120, special_tokens=special, end_of_word_suffix="</w>"))
    merges: Any = [tuple(pair) for pair in json.loads(bpe.to_str())["model"]["merges"]]
    folder = tmp_path_factory.mktemp("clip-tokenizer")
    tokenizer: Any = CLIPTokenizer(vocab=bpe.get_vocab(), merges=merges)
    tokenizer.save_pretrained(folder)
    return folder


UNET = {
    "model_channels": 64,
    "attention_resolutions": [4, 2, 1],
    "num_res_blocks": 1,
    "channel_mult": [1, 1],
    "num_head_channels": 16,
    "context_dim": 24,
}
"""Twice as wide as the recorded UNet, whose norms have one channel a group and so take out whatever the timestep and the frames a
second add to it: its outputs depend on neither."""


def random_weights(shapes: layout.Shapes) -> dict[str, torch.Tensor]:
    """Weights that keep the size of what goes through them; scales of norms are near 1."""
    random = torch.Generator().manual_seed(0)

    def weight(key: str, shape: tuple[int, ...]) -> torch.Tensor:
        noise = torch.randn(shape, generator=random)
        if len(shape) < 2:
            return 0.1 * noise + (1.0 if key.endswith(".weight") else 0.0)
        return noise / noise[0].numel() ** 0.5

    return {key: weight(key, shape) for key, shape in shapes.items()}


@pytest.fixture(scope="session")
def vocabulary(clip_tokenizer) -> int:
    """Tokens of the tokenizer."""
    from transformers import CLIPTokenizer

    tokenizer: Any = CLIPTokenizer.from_pretrained(clip_tokenizer)
    return len(tokenizer)


@pytest.fixture(scope="session")
def state(vocabulary) -> dict[str, torch.Tensor]:
    """The weights of the tiny model, by their official names; some constants of the noise schedule are among them."""
    weights = random_weights(layout.checkpoint(layout.unet(UNET), layout.vae([32] * 4, 1), layout.text(24, 3, vocabulary)))
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    scale = torch.cat([torch.linspace(1.0, 0.7, 400), torch.full((600,), 0.7)])
    return weights | {"betas": betas.float(), "alphas_cumprod": (1 - betas).cumprod(0).float(), "scale_arr": scale}


@pytest.fixture(scope="session")
def recorded_converted(golden, vocabulary, clip_tokenizer, save_checkpoint, tmp_path_factory) -> Path:
    """The recorded UNet, with a random autoencoder and text tower, converted."""
    from vstar_sdk.models.videocrafter2.lvdm.conversion import convert

    folder = tmp_path_factory.mktemp("recorded")
    weights = random_weights(layout.checkpoint({}, layout.vae([32] * 4, 1), layout.text(24, 3, vocabulary)))
    weights |= {f"model.diffusion_model.{key[5:]}": value.float() for key, value in golden.items() if key.startswith("unet.")}
    convert(save_checkpoint(weights, folder / "model.ckpt"), folder / "converted", str(clip_tokenizer))
    return folder / "converted"


@pytest.fixture(scope="session")
def save_checkpoint():
    """Write weights as a training framework does: under ``state_dict``, beside a callback's state under its class."""

    def save(state: dict[str, torch.Tensor], path: Path, **beside: Any) -> Path:
        module: Any = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
        module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": module.__name__})
        parents = [types.ModuleType("pytorch_lightning"), types.ModuleType("pytorch_lightning.callbacks")]
        names = [parent.__name__ for parent in parents] + [module.__name__]
        sys.modules.update(zip(names, [*parents, module], strict=True))
        try:
            callbacks = {module.ModelCheckpoint: {"best_model_score": torch.tensor(0.1), "state": module.ModelCheckpoint()}}
            torch.save({"epoch": 3, "state_dict": state, "callbacks": callbacks, **beside}, path)
        finally:
            for name in names:
                del sys.modules[name]
        return path

    return save


@pytest.fixture(scope="session")
def checkpoint(state, save_checkpoint, tmp_path_factory) -> Path:
    """``model.ckpt`` of the tiny model."""
    return save_checkpoint(state, tmp_path_factory.mktemp("official") / "model.ckpt")


@pytest.fixture(scope="session")
def converted(checkpoint, clip_tokenizer, tmp_path_factory) -> Path:
    """The directory that `vstar convert` makes of it."""
    from vstar_sdk.models.videocrafter2.lvdm.conversion import convert

    out = tmp_path_factory.mktemp("converted") / "videocrafter2"
    convert(checkpoint, out, str(clip_tokenizer))
    return out
