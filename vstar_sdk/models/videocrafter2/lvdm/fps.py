"""VideoCrafter2's conditioning on frames a second: an embedding that is added to that of the timestep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from diffusers.models.embeddings import get_timestep_embedding
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vstar_sdk.errors import ModelError

_safetensors: Any = safetensors.torch  # typed in part

FOLDER = "fps_embedding"
FILE = "model.safetensors"


def load_fps_layers(directory: Path) -> dict[str, Tensor]:
    """The two layers, from a converted directory.

    Args:
        directory: of the pipeline.

    Returns:
        ``linear_1.weight`` ``(4 C, C)``, ``linear_2.weight`` ``(4 C, 4 C)`` and their biases, C being the network's first width.

    Raises:
        ModelError: they are missing or damaged.
    """
    path = directory / FOLDER / FILE
    try:
        layers: dict[str, Tensor] = _safetensors.load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read: {error}", hint="the directory is not complete: convert it again") from None
    shapes = {name: tuple(tensor.shape) for name, tensor in layers.items()}
    width = shapes.get("linear_1.weight", (0, 0))[-1]
    wide = 4 * width
    wanted = {
        "linear_1.weight": (wide, width),
        "linear_2.weight": (wide, wide),
        "linear_1.bias": (wide,),
        "linear_2.bias": (wide,),
    }
    if shapes != wanted or not width:
        raise ModelError(f"{path}: holds no fps embedding but {shapes}", hint="the file is damaged: convert the checkpoint again")
    return layers


def fps_embedding(layers: dict[str, Tensor], fps: float) -> Tensor:
    """``W2 silu(W1 sinusoid(fps) + b1) + b2``, float32 ``(1, 4 C)``; the sinusoid is that of timesteps.

    Args:
        layers: from `load_fps_layers`.
        fps: frames a second, any number above 0; the model was trained with whole ones.
    """
    first, second, bias, last = (
        layers[name].float() for name in ("linear_1.weight", "linear_2.weight", "linear_1.bias", "linear_2.bias")
    )
    sinusoid = get_timestep_embedding(
        torch.tensor([float(fps)], dtype=torch.float32), first.shape[1], flip_sin_to_cos=True, downscale_freq_shift=0
    )
    return nn.functional.linear(nn.functional.silu(nn.functional.linear(sinusoid, first, bias)), second, last)


def condition_on_fps(denoiser: nn.Module, embedding: Tensor) -> RemovableHandle:
    """Add an embedding to that of the timestep, from now on, until the handle is removed.

    A hook on the output, rather than another bias: the weights stay those of the file, and offloading may move them as it likes.

    Args:
        denoiser: a ``UNet3DConditionModel``; compile it afterwards, for compiled code does not look for new hooks.
        embedding: ``(1, channels)``, best on the device and in the precision of the network.

    Raises:
        ModelError: the embedding is not as wide as the network's.
    """
    layer: Any = denoiser.get_submodule("time_embedding")
    if layer.linear_2.out_features != embedding.shape[-1]:
        raise ModelError(
            f"the fps embedding is {embedding.shape[-1]} wide, and that of the timestep {layer.linear_2.out_features}",
            hint="they belong to different models: convert the checkpoint again",
        )

    def add(module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
        del module, arguments
        return output + embedding.to(output)

    return layer.register_forward_hook(add)
