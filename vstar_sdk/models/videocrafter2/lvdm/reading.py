"""VideoCrafter2's checkpoint, understood: its four components, every tensor accounted for."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from vstar_sdk.errors import ModelError
from vstar_sdk.models.diffusers.configured import network_from
from vstar_sdk.models.videocrafter2.lvdm.architecture import SCHEDULER, Shapes, text_config, unet_config, vae_config
from vstar_sdk.models.videocrafter2.lvdm.checkpoint import Checkpoint, open_checkpoint
from vstar_sdk.models.videocrafter2.lvdm.names import FPS, Source, source, text_modules, unet_modules, vae_modules
from vstar_sdk.models.videocrafter2.lvdm.recognition import SCALE, SCHEDULE, TEXT, UNET, UNUSED_TEXT, VAE, refuse_relatives

_AGAIN = "the file is damaged or of another model: fetch VideoCrafter2's model.ckpt again"


@dataclass(frozen=True)
class Component:
    """A network of the model, and where its tensors are in the checkpoint.

    Attributes:
        name: of its folder in diffusers format.
        prefix: of its keys in the checkpoint.
        config: its configuration.
        sources: for every tensor of the network, where it comes from.
        shapes: of the network's tensors.
        unused: keys that the checkpoint may hold besides them, without the prefix: the text tower's last layer, for one.
    """

    name: str
    prefix: str
    config: Mapping[str, Any]
    sources: Mapping[str, Source]
    shapes: Mapping[str, tuple[int, ...]]
    unused: Mapping[str, tuple[int, ...] | None]

    def expected(self) -> dict[str, tuple[int, ...] | None]:
        """Keys of the checkpoint and their shapes; None where any will do."""
        found: dict[str, tuple[int, ...] | None] = {}
        for target, origin in self.sources.items():
            shape = self.shapes[target]
            found[self.prefix + origin.key] = shape if origin.third is None else (3 * shape[0], *shape[1:])
        return found | {self.prefix + key: shape for key, shape in self.unused.items()}

    def tensors(self, checkpoint: Checkpoint) -> dict[str, Tensor]:
        """The network's tensors, by its own names and in its own shapes; their memory may be the file itself."""
        made: dict[str, Tensor] = {}
        for target, origin in self.sources.items():
            tensor = checkpoint.tensor(self.prefix + origin.key)
            if origin.third is not None:
                tensor = tensor.chunk(3)[origin.third].clone()
            made[target] = tensor.reshape(self.shapes[target]).contiguous()
        return made


@dataclass(frozen=True)
class Reading:
    """A checkpoint of VideoCrafter2 in which nothing is missing, of a wrong shape or left over.

    Attributes:
        checkpoint: open.
        unet: the denoiser.
        fps: the layers that embed the frames a second.
        vae: the decoder of latents.
        text: the text encoder.
    """

    checkpoint: Checkpoint
    unet: Component
    fps: Component
    vae: Component
    text: Component

    @property
    def components(self) -> tuple[Component, ...]:
        """All four."""
        return (self.unet, self.fps, self.vae, self.text)


@contextmanager
def read_checkpoint(path: Path, *, without_scale: bool = False) -> Generator[Reading]:
    """Open a checkpoint and account for every tensor in it.

    Args:
        path: the file.
        without_scale: see `refuse_relatives`.

    Raises:
        ModelError: it is unreadable, of another model, or a tensor is missing, left over or of a wrong shape.
    """
    with open_checkpoint(path) as checkpoint:
        try:
            refuse_relatives(checkpoint.shapes, without_scale=without_scale)
            reading = Reading(checkpoint, *understand(checkpoint.shapes))
            account(checkpoint.shapes, reading.components)
            _check_schedule(checkpoint)
        except ModelError as error:
            raise ModelError(f"{path}: {error.message}", hint=error.hint or _AGAIN) from None
        yield reading


def understand(shapes: Shapes) -> tuple[Component, Component, Component, Component]:
    """UNet, fps embedding, VAE and text encoder, by the shapes of a checkpoint.

    Raises:
        ModelError: the shapes describe no such networks.
    """
    of_unet, of_vae, of_text = ({k.removeprefix(p): s for k, s in shapes.items() if k.startswith(p)} for p in (UNET, VAE, TEXT))
    unet, vae, text = unet_config(of_unet), vae_config(of_vae), text_config(of_text)
    if unet["cross_attention_dim"] != text["hidden_size"]:
        raise ModelError(
            f"its network reads text of width {unet['cross_attention_dim']}, and its text tower gives {text['hidden_size']}"
        )
    attention = [kind.startswith("CrossAttn") for kind in unet["down_block_types"]]
    names = unet_modules(len(attention), unet["layers_per_block"], attention)
    width = 4 * unet["block_out_channels"][0]
    embedding = {"in_channels": width // 4, "time_embed_dim": width}
    layers = text["num_hidden_layers"]
    return (
        _component("unet", UNET, unet, names, lambda: network_from(UNet3DConditionModel, unet)),
        _component("fps_embedding", UNET, embedding, FPS, lambda: fps_layers(width // 4)),
        _component(
            "vae",
            VAE,
            vae,
            vae_modules(len(vae["block_out_channels"]), vae["layers_per_block"]),
            lambda: network_from(AutoencoderKL, vae),
        ),
        _component(
            "text_encoder", TEXT, text, text_modules(layers), lambda: CLIPTextModel(_text_config(text)), _unused_text(text)
        ),
    )


def fps_layers(width: int) -> nn.Module:
    """The layers that embed the frames a second; see `vstar_sdk.models.videocrafter2.lvdm.fps`."""
    return nn.ModuleDict({"linear_1": nn.Linear(width, 4 * width), "linear_2": nn.Linear(4 * width, 4 * width)})


def _component(
    name: str,
    prefix: str,
    config: Mapping[str, Any],
    modules: Mapping[str, str],
    build: Callable[[], Any],
    unused: Mapping[str, tuple[int, ...] | None] | None = None,
) -> Component:
    try:
        with torch.device("meta"):
            network = build()
    except (ValueError, ZeroDivisionError, RuntimeError) as error:
        raise ModelError(f"its {name} cannot be built: {error}") from None
    # Older versions of transformers put all of a CLIPTextModel below text_model.
    shapes = {key.removeprefix("text_model."): tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    shapes = {key: shape for key, shape in shapes.items() if not key.endswith("position_ids")}
    return Component(name, prefix, config, {key: source(key, modules) for key in shapes}, shapes, unused or {})


def _text_config(text: Mapping[str, Any]) -> CLIPTextConfig:
    """The configuration without the tokens of start and end, which the tokenizer knows."""
    return CLIPTextConfig(**text, bos_token_id=None, eos_token_id=None)


def _unused_text(text: Mapping[str, Any]) -> dict[str, tuple[int, ...] | None]:
    """What the text tower holds for the output that is not used: its last layer, whole, and the projection."""
    width, wide, last = text["hidden_size"], text["intermediate_size"], f"transformer.resblocks.{text['num_hidden_layers']}"
    layer: dict[str, tuple[int, ...]] = {
        "ln_1.weight": (width,),
        "ln_1.bias": (width,),
        "attn.in_proj_weight": (3 * width, width),
        "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width),
        "attn.out_proj.bias": (width,),
        "ln_2.weight": (width,),
        "ln_2.bias": (width,),
        "mlp.c_fc.weight": (wide, width),
        "mlp.c_fc.bias": (wide,),
        "mlp.c_proj.weight": (width, wide),
        "mlp.c_proj.bias": (width,),
    }
    return {f"{last}.{key}": shape for key, shape in layer.items()}


def account(shapes: Shapes, components: Sequence[Component]) -> None:
    """Refuse a checkpoint with a tensor missing, left over or of a wrong shape.

    Args:
        shapes: of the whole checkpoint.
        components: from `understand`.

    Raises:
        ModelError: the tensor's name is in the message.
    """
    expected = {key: shape for component in components for key, shape in component.expected().items()}
    may_be = SCHEDULE | {TEXT + key for key in UNUSED_TEXT}
    if missing := sorted(expected.keys() - shapes.keys()):
        raise ModelError(f"the key {missing[0]} is missing{_more(missing)}")
    if extra := sorted(shapes.keys() - expected.keys() - may_be):
        raise ModelError(f"the key {extra[0]} is not part of VideoCrafter2{_more(extra)}")
    wrong = [key for key, shape in expected.items() if shape is not None and not _fits(shapes[key], shape)]
    if wrong:
        key = wrong[0]
        raise ModelError(f"the key {key} has the shape {shapes[key]}, but must have {expected[key]}{_more(wrong)}")


def _fits(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """The same shape, but for 1x1 convolutions that became linear layers."""
    return found == wanted or (found[: len(wanted)] == wanted and len(wanted) == 2 and set(found[2:]) == {1})


def _more(keys: Sequence[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""


def _check_schedule(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint whose own constants say another noise schedule than the converted scheduler's."""
    for key, last in (("betas", SCHEDULER["beta_end"]), (SCALE, SCHEDULER["signal_scale"])):
        if key not in checkpoint.shapes:
            continue
        end: list[float] = cast(Any, checkpoint.tensor(key).flatten()[-1:]).tolist()
        if not end or not math.isclose(end[0], last, rel_tol=1e-3):
            raise ModelError(f"its noise schedule is not VideoCrafter2's: {key} does not end at {last}")
