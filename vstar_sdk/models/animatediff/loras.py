"""LoRAs, merged into the weights of a model once and for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
from diffusers.pipelines.animatediff.pipeline_animatediff import AnimateDiffPipeline
from torch import Tensor

from vstar_sdk.errors import ModelError, out_of_memory

_safetensors: Any = safetensors.torch  # typed in part

_PAIRS = (("lora_A", "lora_B"), ("lora_down", "lora_up"), ("lora.down", "lora.up"))
"""What the two factors of a change of weights are called."""


def merge_loras(unet: Any, text_encoder: Any, loras: Sequence[tuple[Path, float]]) -> None:
    """Merge LoRAs of images and of motion into a ``UNetMotionModel`` and its text encoder.

    A merged model computes nothing more than the plain one, and its modules are the plain one's.

    Args:
        unet: changed in place; in float32, or what is merged is rounded twice.
        text_encoder: changed in place, where a LoRA has weights for it.
        loras: safetensors files, and how much of each is added.

    Raises:
        ModelError: a file is damaged, or fits neither network.
    """
    parts: dict[str, Any] = {"vae": None, "tokenizer": None, "motion_adapter": None, "scheduler": None}
    pipe: Any = AnimateDiffPipeline(unet=unet, text_encoder=text_encoder, **parts)
    names = [f"lora{number}" for number in range(len(loras))]
    for name, (file, _) in zip(names, loras, strict=True):
        try:
            tensors: dict[str, Tensor] = _safetensors.load_file(file)
            _check_pairs(tensors)
            # Otherwise peft moves what any thread builds meanwhile to the meta device.
            pipe.load_lora_weights(tensors, adapter_name=name, low_cpu_mem_usage=False)
        except Exception as error:  # diffusers, peft and safetensors raise whatever they find
            if out_of_memory(error):
                raise
            raise ModelError(
                f"{file}: cannot be loaded as a LoRA: {error}", hint="it is damaged, or made for another network"
            ) from error
        if not any(name in found for found in pipe.get_list_adapters().values()):
            raise ModelError(
                f"{file}: has no weights for this network or its text encoder",
                hint="it is not a LoRA, or it is for another model",
            )
    pipe.set_adapters(names, [weight for _, weight in loras])
    merged = [component for component, found in pipe.get_list_adapters().items() if found]
    pipe.fuse_lora(components=merged, safe_fusing=True)
    pipe.unload_lora_weights()


def _check_pairs(names: Iterable[str]) -> None:
    """Refuse a factor without its other one: the library would make do with random numbers or zeros."""
    known = set(names)
    for name in known:
        for one, other in (*_PAIRS, *(pair[::-1] for pair in _PAIRS)):
            if one in name and name.replace(one, other) not in known:
                raise ValueError(f"{name.replace(one, other)} is missing")
