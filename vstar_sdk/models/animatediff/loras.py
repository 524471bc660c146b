"""LoRAs, merged into the weights of a model once and for all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import safetensors as untyped
from diffusers.pipelines.animatediff.pipeline_animatediff import AnimateDiffPipeline

from vstar_sdk.errors import ModelError, out_of_memory
from vstar_sdk.models.diffusers.transformer_loras import check_pairs

_safetensors: Any = untyped


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
            with _safetensors.safe_open(file, "pt") as tensors:
                check_pairs(tensors.keys())
            where = {"weight_name": file.name, "use_safetensors": True, "local_files_only": True}
            # By its path, because the file's metadata has the scale. Otherwise peft moves what any thread builds meanwhile to the
            # meta device.
            pipe.load_lora_weights(str(file.parent), adapter_name=name, low_cpu_mem_usage=False, **where)
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
