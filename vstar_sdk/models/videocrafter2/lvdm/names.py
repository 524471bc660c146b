"""What the weights of VideoCrafter2 are called in its checkpoint, and what in diffusers and transformers. No torch.

Every function here goes from the libraries' names to the checkpoint's, module by module; what follows a module's name
(``weight``, ``transformer_blocks.0.attn1.to_q.weight``) is the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Where a tensor comes from.

    Attributes:
        key: its name in the checkpoint, without the component's prefix.
        third: 0 to 2 for a third of the rows of a joint projection of queries, keys and values; None for all of it.
    """

    key: str
    third: int | None = None


_RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}

FPS = {"linear_1": "fps_embedding.0", "linear_2": "fps_embedding.2"}
"""The two layers that embed the frames a second; they belong to the UNet's part of the checkpoint."""


def unet_modules(levels: int, layers: int, attention: Sequence[bool]) -> dict[str, str]:
    """Modules of a ``UNet3DConditionModel``, and what they are called in the checkpoint.

    The way down is one list there, of residual blocks and downsamplers; the way up has one more block a level, and a level's
    upsampler stands inside its last.

    Args:
        levels: resolutions.
        layers: residual blocks of a level on the way down.
        attention: for each level, whether its blocks have a spatial and a temporal transformer.
    """
    modules = {
        "conv_in": "input_blocks.0.0",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "transformer_in": "init_attn.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    }

    def residual(block: str, layer: int, name: str) -> None:
        modules.update({f"{block}.resnets.{layer}.{ours}": f"{name}.{theirs}" for ours, theirs in _RESIDUAL.items()})
        modules[f"{block}.temp_convs.{layer}"] = f"{name}.temopral_conv"  # spelled so in the checkpoint

    def transformers(block: str, layer: int, name: str) -> None:
        modules[f"{block}.attentions.{layer}"] = f"{name}.1"
        modules[f"{block}.temp_attentions.{layer}"] = f"{name}.2"

    place = 1
    for level in range(levels):
        for layer in range(layers):
            residual(f"down_blocks.{level}", layer, f"input_blocks.{place}.0")
            if attention[level]:
                transformers(f"down_blocks.{level}", layer, f"input_blocks.{place}")
            place += 1
        if level < levels - 1:
            modules[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{place}.0.op"
            place += 1
    residual("mid_block", 0, "middle_block.0")
    transformers("mid_block", 0, "middle_block")
    residual("mid_block", 1, "middle_block.3")
    for up, level in enumerate(reversed(range(levels))):
        for layer in range(layers + 1):
            name = f"output_blocks.{up * (layers + 1) + layer}"
            residual(f"up_blocks.{up}", layer, f"{name}.0")
            if attention[level]:
                transformers(f"up_blocks.{up}", layer, name)
            if layer == layers and level > 0:
                modules[f"up_blocks.{up}.upsamplers.0.conv"] = f"{name}.{3 if attention[level] else 1}.conv"
    return modules


def vae_modules(levels: int, layers: int) -> dict[str, str]:
    """Modules of an ``AutoencoderKL``, and what they are called in the layout of latent diffusion.

    Args:
        levels: resolutions.
        layers: residual blocks of a level of the encoder; the decoder has one more.
    """
    modules = {name: name for name in ("quant_conv", "post_quant_conv")}
    for half in ("encoder", "decoder"):
        modules |= {f"{half}.conv_in": f"{half}.conv_in", f"{half}.conv_out": f"{half}.conv_out"}
        modules[f"{half}.conv_norm_out"] = f"{half}.norm_out"
        for layer in (0, 1):
            modules |= _vae_residual(f"{half}.mid_block.resnets.{layer}", f"{half}.mid.block_{layer + 1}")
        attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
        for ours, theirs in attention.items():
            modules[f"{half}.mid_block.attentions.0.{ours}"] = f"{half}.mid.attn_1.{theirs}"
    for level in range(levels):
        for layer in range(layers):
            modules |= _vae_residual(f"encoder.down_blocks.{level}.resnets.{layer}", f"encoder.down.{level}.block.{layer}")
        modules[f"encoder.down_blocks.{level}.downsamplers.0.conv"] = f"encoder.down.{level}.downsample.conv"
        up = levels - 1 - level  # the checkpoint numbers the decoder's levels by resolution, diffusers by order
        for layer in range(layers + 1):
            modules |= _vae_residual(f"decoder.up_blocks.{up}.resnets.{layer}", f"decoder.up.{level}.block.{layer}")
        modules[f"decoder.up_blocks.{up}.upsamplers.0.conv"] = f"decoder.up.{level}.upsample.conv"
    return modules


def _vae_residual(ours: str, theirs: str) -> dict[str, str]:
    same = {f"{ours}.{name}": f"{theirs}.{name}" for name in ("norm1", "conv1", "norm2", "conv2")}
    return same | {f"{ours}.conv_shortcut": f"{theirs}.nin_shortcut"}


def text_modules(layers: int) -> dict[str, str]:
    """Modules of a ``CLIPTextModel``, and what they are called in OpenCLIP; `source` finds the projections inside ``attn``.

    Args:
        layers: transformer layers.
    """
    modules = {"embeddings.token_embedding": "token_embedding", "final_layer_norm": "ln_final"}
    inner = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    inner["self_attn.out_proj"] = "attn.out_proj"
    for layer in range(layers):
        block = f"transformer.resblocks.{layer}"
        modules |= {f"encoder.layers.{layer}.{ours}": f"{block}.{theirs}" for ours, theirs in inner.items()}
        modules[f"encoder.layers.{layer}.self_attn"] = f"{block}.attn"
    return modules


def source(target: str, modules: Mapping[str, str]) -> Source:
    """Where the tensor of a library's module comes from.

    Args:
        target: its name, such as ``down_blocks.0.resnets.0.norm1.weight``.
        modules: from one of the functions above, or `FPS`.

    Raises:
        KeyError: none of the modules holds it.
    """
    if target == "embeddings.position_embedding.weight":
        return Source("positional_embedding")
    module, rest = target, ""
    while module not in modules:
        module, _, last = module.rpartition(".")
        rest = f".{last}{rest}"
        if not module:
            raise KeyError(target)
    for third, letter in enumerate("qkv"):
        if modules[module].endswith(".attn") and rest.startswith(f".{letter}_proj."):
            return Source(f"{modules[module]}.in_proj_{rest.rpartition('.')[2]}", third)
    return Source(modules[module] + rest)
