"""LoRAs in a denoiser that attends over all tokens of a clip, by diffusers' own loaders: beside the weights, not merged."""

from __future__ import annotations

import importlib
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vstar_sdk.errors import ModelError, out_of_memory
from vstar_sdk.models.loras import Lora
from vstar_sdk.models.modules import modules_of
from vstar_sdk.weights.construction import unfilled

_PAIRS = (("lora_A", "lora_B"), ("lora_down", "lora_up"), ("lora.down", "lora.up"))
"""What the two factors of a change of weights are called."""
_LAYER = re.compile(r"(?P<part>\w+)\.(?P<layer>.+?)\.(?:lora[._]|lokr_)")
_OTHER = "it is damaged, or made for another network"


def add_loras(loader: str, loras: Sequence[Lora], parts: Mapping[str, nn.Module], folder: str = "transformer") -> None:
    """Put LoRAs into the networks of a model.

    Every layer that a LoRA changes computes ``W x + weight * scale * B (A x)``, as in diffusers' pipeline, whose weights stay as
    they are.

    Args:
        loader: the loader class of the model's pipeline, in `diffusers.loaders.lora_pipeline`.
        loras: their files, which also say the ``scale``.
        parts: networks by the names that files give them; changed in place.
        folder: of the denoiser among these networks; LoRAs for another folder are left out.

    Raises:
        ModelError: a file is damaged, or changes a layer that these networks do not have.
    """
    if not loras:
        return
    by_diffusers: Any = getattr(importlib.import_module("diffusers.loaders.lora_pipeline"), loader)
    for number, lora in enumerate(loras):
        if lora.network not in (None, folder):
            continue
        name = adapter_name(number)
        try:
            state, metadata = by_diffusers.lora_state_dict(
                str(lora.file.parent),
                weight_name=lora.file.name,
                use_safetensors=True,
                local_files_only=True,
                return_lora_metadata=True,
            )
            check_pairs(state)
            for part, network in parts.items():
                changed = {key: value for key, value in state.items() if key.startswith(f"{part}.")}
                _check_layers(changed, network)
                if changed:
                    # Otherwise peft moves what any thread builds meanwhile to the meta device; and it draws weights that the
                    # file's then replace.
                    with unfilled(torch.float32):
                        by_diffusers.load_lora_into_transformer(
                            changed,
                            network,
                            adapter_name=name,
                            metadata=metadata,
                            low_cpu_mem_usage=False,
                            **({} if part == "transformer" else {"prefix": part}),
                        )
            if strange := [key for key in state if key.partition(".")[0] not in parts]:
                raise ValueError(f"its {min(strange)} is for none of {', '.join(parts)}")
        except Exception as error:  # diffusers, peft and safetensors raise whatever they find
            if out_of_memory(error):
                raise
            raise ModelError(f"{lora.file}: cannot be loaded as a LoRA: {error}", hint=_OTHER) from error
    for network in parts.values():
        there: Mapping[str, Any] = getattr(network, "peft_config", {})
        chosen = {adapter_name(number): lora.weight for number, lora in enumerate(loras) if adapter_name(number) in there}
        if chosen:
            weights = [1.0 if isinstance(weight, tuple) else weight for weight in chosen.values()]
            changed_network: Any = network
            changed_network.set_adapters([*chosen], weights)


def adapter_name(number: int) -> str:
    """What a LoRA is called in the network.

    Args:
        number: its place in the spec, from 0.
    """
    return f"lora{number}"


def check_pairs(names: Iterable[str]) -> None:
    """Refuse a factor without its other one: the library would make do with random numbers or zeros.

    Args:
        names: of all tensors of a file.

    Raises:
        ValueError: one is missing.
    """
    known = set(names)
    for name in known:
        for one, other in (*_PAIRS, *(pair[::-1] for pair in _PAIRS)):
            if one in name and name.replace(one, other) not in known:
                raise ValueError(f"{name.replace(one, other)} is missing")


def _check_layers(names: Iterable[str], network: nn.Module) -> None:
    """Refuse a change of a layer that is not there: the library would leave it out."""
    there = {name for name, _ in modules_of(network)}
    for name in sorted(names):
        found = _LAYER.match(name)
        if found is None or found["layer"] not in there:
            layer = name if found is None else found["layer"]
            raise ValueError(f"it changes {layer}, which {type(network).__name__} does not have")


def check_of_frames(network: nn.Module, loras: Sequence[Lora], of_frames: re.Pattern[str], kind: str) -> None:
    """Refuse a weight for every key state of a LoRA that changes more than what belongs to frames.

    Args:
        network: with the LoRAs.
        loras: see `add_loras`.
        of_frames: the names of the layers whose tokens belong to a frame each.
        kind: the model's name.

    Raises:
        ModelError: it changes another layer.
    """
    for number, lora in enumerate(loras):
        if not isinstance(lora.weight, tuple):
            continue
        for layer, _ in _changes(network, number):
            if not of_frames.fullmatch(layer):
                raise ModelError(
                    f"{lora.file}: changes {layer}, which all frames share in {kind}, so it has no weight for each key state",
                    hint="give it one weight, or use a LoRA of attention and feed-forward layers",
                )


@contextmanager
def followed(network: nn.Module, loras: Sequence[Lora], mixture: Sequence[Sequence[float]]) -> Generator[None]:
    """While it is open, a LoRA with a weight for every key state is as strong in each latent frame as its mixture of states.

    Tokens are ``(videos, frames * positions, channels)``; in attentions to text, ``attn2``, frames are videos of their own.

    Args:
        network: with the LoRAs.
        loras: see `add_loras`.
        mixture: ``(latent frames, states)``: the states' shares in each frame.
    """
    frames = len(mixture)
    with ExitStack() as hooks:
        for number, lora in enumerate(loras):
            if not isinstance(lora.weight, tuple):
                continue
            weights = torch.tensor(mixture, dtype=torch.float64) @ torch.tensor(lora.weight, dtype=torch.float64)

            def in_tokens(_: nn.Module, args: tuple[Any, ...], out: Tensor, weights: Tensor = weights) -> Tensor:
                del args
                return out * weights.to(out).repeat_interleave(out.shape[1] // frames)[None, :, None]

            def in_videos(_: nn.Module, args: tuple[Any, ...], out: Tensor, weights: Tensor = weights) -> Tensor:
                del args
                return out * weights.to(out).repeat(len(out) // frames)[:, None, None]

            for layer, change in _changes(network, number):
                hooks.callback(change.register_forward_hook(in_videos if ".attn2." in layer else in_tokens).remove)
        yield


def _changes(network: nn.Module, number: int) -> list[tuple[str, nn.Module]]:
    """The layers that a LoRA changes, by name, and what gives its change."""
    found: list[tuple[str, nn.Module]] = []
    for name, module in modules_of(network):
        factors: Any = getattr(module, "lora_B", None)
        if isinstance(factors, nn.ModuleDict) and adapter_name(number) in factors:
            found.append((name, factors[adapter_name(number)]))
    return found
