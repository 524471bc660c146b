"""The networks that a checkpoint's shapes describe, as configurations of diffusers and transformers. No torch.

A size is read from many tensors that show it, and the most frequent answer counts: one tensor that is missing or of a wrong
shape does not change what the others say, and is itself found afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vstar_sdk.errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]
"""Names of tensors, without the component's prefix, and their shapes."""

_CHANNELS = 4  # of the latents
_TOKENS = 77  # of a text, as CLIP counts
_GROUPS = 32
_IN_HEADS = 8  # heads of the first temporal transformer, whatever its width
_HEAD_DIM = 64  # of OpenCLIP's text towers from ViT-B to ViT-H

SCHEDULER: dict[str, Any] = {
    "_class_name": "ScaledDDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "signal_scale": 0.7,
    "signal_scale_steps": 400,
}
"""How VideoCrafter2 was noised in training."""


def official_configs() -> dict[str, dict[str, Any]]:
    """The configurations of the released VideoCrafter2, by the folders of a pipeline directory."""
    attention = [True, True, True, False]
    return {
        "unet": _unet([320, 640, 1280, 1280], attention, layers=2, text=1024, head_dim=64),
        "vae": _vae([128, 256, 512, 512], layers=2),
        "text_encoder": _text(vocabulary=49408, width=1024, wide=4096, layers=23),
        "scheduler": dict(SCHEDULER),
    }


def unet_config(shapes: Shapes) -> dict[str, Any]:
    """The configuration of the ``UNet3DConditionModel`` that these weights are of.

    Args:
        shapes: of ``model.diffusion_model``.

    Raises:
        ModelError: they describe no such network.
    """
    levels: list[list[int]] = [[]]
    for place in _count(shapes, "input_blocks")[1:]:
        if _any(shapes, f"input_blocks.{place}.0.op."):
            levels.append([])
        else:
            levels[-1].append(place)
    if not all(levels):
        raise ModelError("its input_blocks are not those of a UNet")
    attention = [any(_any(shapes, f"input_blocks.{place}.1.") for place in level) for level in levels]
    residual = ("in_layers.2.weight", "in_layers.2.bias", "out_layers.0.weight", "out_layers.0.bias", "out_layers.3.weight")
    widths = [
        _vote(shapes, ((f"input_blocks.{place}.0.{name}", 0) for place in level for name in residual), "a level's width")
        for level in levels
    ]
    crossed = [
        (f"{name}.transformer_blocks.0.attn2.to_{letter}.weight", 1)
        for name in ("middle_block.1", *(f"input_blocks.{place}.1" for level in levels for place in level))
        for letter in "kv"
    ]
    first = ("norm1.weight", "norm1.bias", "norm2.weight", "attn1.to_out.0.bias", "attn2.to_out.0.bias")
    inner = _vote(shapes, ((f"init_attn.0.transformer_blocks.0.{name}", 0) for name in first), "the first transformer's width")
    text = _vote(shapes, crossed, "the text's width")
    layers = Counter(map(len, levels)).most_common(1)[0][0]
    return _unet(widths, attention, layers=layers, text=text, head_dim=inner // _IN_HEADS)


def vae_config(shapes: Shapes) -> dict[str, Any]:
    """The configuration of the ``AutoencoderKL`` that these weights are of.

    Args:
        shapes: of ``first_stage_model``.

    Raises:
        ModelError: they describe no such network.
    """
    levels = _count(shapes, "encoder.down")
    if not levels:
        raise ModelError("its first_stage_model has no encoder")
    layers = Counter(len(_count(shapes, f"encoder.down.{level}.block")) for level in levels).most_common(1)[0][0]
    parts = [
        f"{layer}.{part}" for layer in range(layers) for part in ("conv1.weight", "conv1.bias", "norm2.weight", "norm2.bias")
    ]
    widths = [_vote(shapes, ((f"encoder.down.{level}.block.{part}", 0) for part in parts), "a level's width") for level in levels]
    return _vae(widths, layers=layers)


def text_config(shapes: Shapes) -> dict[str, Any]:
    """The configuration of the ``CLIPTextModel`` that gives OpenCLIP's penultimate layer, then its final norm.

    Args:
        shapes: of ``cond_stage_model.model``.

    Raises:
        ModelError: they describe no such network.
    """
    blocks = _count(shapes, "transformer.resblocks")
    if len(blocks) < 2:
        raise ModelError("its cond_stage_model has no text tower of two layers or more")
    named = [f"transformer.resblocks.{block}" for block in blocks]
    width = _vote(shapes, ((f"{name}.ln_1.{part}", 0) for name in named for part in ("weight", "bias")), "the text's width")
    wide = _vote(shapes, ((f"{name}.mlp.c_fc.{part}", 0) for name in named for part in ("weight", "bias")), "the text's layers")
    vocabulary = _vote(shapes, [("token_embedding.weight", 0)], "the vocabulary")
    return _text(vocabulary=vocabulary, width=width, wide=wide, layers=len(blocks) - 1)


def _unet(widths: Sequence[int], attention: Sequence[bool], *, layers: int, text: int, head_dim: int) -> dict[str, Any]:
    return {
        "_class_name": "UNet3DConditionModel",
        "sample_size": [40, 64],
        "in_channels": _CHANNELS,
        "out_channels": _CHANNELS,
        "down_block_types": ["CrossAttnDownBlock3D" if has else "DownBlock3D" for has in attention],
        "up_block_types": ["CrossAttnUpBlock3D" if has else "UpBlock3D" for has in reversed(attention)],
        "block_out_channels": [*widths],
        "layers_per_block": layers,
        "norm_num_groups": _GROUPS,
        "cross_attention_dim": text,
        "attention_head_dim": head_dim,
    }


def _vae(widths: Sequence[int], *, layers: int) -> dict[str, Any]:
    return {
        "_class_name": "AutoencoderKL",
        "sample_size": 512,
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "block_out_channels": [*widths],
        "layers_per_block": layers,
        "latent_channels": _CHANNELS,
        "norm_num_groups": _GROUPS,
        "scaling_factor": 0.18215,
    }


def _text(*, vocabulary: int, width: int, wide: int, layers: int) -> dict[str, Any]:
    return {
        "architectures": ["CLIPTextModel"],
        "model_type": "clip_text_model",
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": wide,
        "projection_dim": width,
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // _HEAD_DIM),
        "max_position_embeddings": _TOKENS,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "pad_token_id": 0,
    }


def _count(shapes: Shapes, prefix: str) -> list[int]:
    """The numbers that follow a prefix: 0 to the largest."""
    start = f"{prefix}."
    numbers = (key[len(start) :].partition(".")[0] for key in shapes if key.startswith(start))
    return list(range(max((int(number) for number in numbers if number.isdecimal()), default=-1) + 1))


def _any(shapes: Shapes, prefix: str) -> bool:
    return any(key.startswith(prefix) for key in shapes)


def _vote(shapes: Shapes, places: Iterable[tuple[str, int]], what: str) -> int:
    """The most frequent size among tensors (names, and which of their dimensions)."""
    sizes = Counter(shapes[key][axis] for key, axis in places if len(shapes.get(key, ())) > axis)
    if sizes:
        return sizes.most_common(1)[0][0]
    raise ModelError(f"no tensor of it shows {what}")
