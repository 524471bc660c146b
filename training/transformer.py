"""The joint denoiser: a small Wan transformer with a mark on the first frame, and text for every frame."""

from pathlib import Path
from typing import Any

import torch
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from torch import Tensor, nn

from training.text import WIDTH
from vstar_sdk.miniworld.joint.network import MiniworldTransformer3DModel

CHANNELS = 16
"""Of the latents."""


class FrameText(WanAttnProcessor):
    """Cross-attention in which every frame reads its own text, ``(videos * frames, tokens, dim)``."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: Any = None,
    ) -> Tensor:
        """Attend; the arguments of any attention processor of this network, of which the last two are not used."""
        del attention_mask, rotary_emb
        assert encoder_hidden_states is not None
        frames = len(encoder_hidden_states) // len(hidden_states)
        folded = hidden_states.unflatten(1, (frames, -1)).flatten(0, 1)
        return super().__call__(attn, folded, encoder_hidden_states).reshape(hidden_states.shape)


def new_transformer(small: bool = False, marker: bool = True) -> Any:
    """A transformer to be trained from nothing; its output is zero at first.

    Args:
        small: the size of smoke runs.
        marker: whether it is told which frame is the first.
    """
    build: Any = MiniworldTransformer3DModel
    transformer = build(
        patch_size=(1, 2, 2),
        num_attention_heads=2 if small else 5,
        attention_head_dim=32,
        in_channels=CHANNELS + marker,
        out_channels=CHANNELS,
        text_dim=WIDTH,
        freq_dim=128,
        ffn_dim=64 if small else 480,
        num_layers=2 if small else 6,
    )
    nn.init.zeros_(transformer.proj_out.weight)
    nn.init.zeros_(transformer.proj_out.bias)
    return _each_its_text(transformer)


def begun_transformer(start: Path, marker: bool = True) -> Any:
    """A transformer in float32 with the weights of an earlier one, to be trained on.

    Args:
        start: a pipeline directory with ``transformer``.
        marker: whether it is told which frame is the first. If only the earlier one was, this is the earlier one with a mark of 0
            everywhere. If only this one is, what the mark does begins at 0.
    """
    build: Any = MiniworldTransformer3DModel
    earlier = build.from_pretrained(start / "transformer", torch_dtype=torch.float32)
    transformer = build(**{**earlier.config, "in_channels": CHANNELS + marker})
    weights = earlier.state_dict()
    given = weights["patch_embedding.weight"]
    read = torch.zeros_like(transformer.patch_embedding.weight)
    common = min(read.shape[1], given.shape[1])
    read[:, :common] = given[:, :common]
    transformer.load_state_dict({**weights, "patch_embedding.weight": read})
    return _each_its_text(transformer)


def is_marked(folder: Path) -> bool:
    """Whether the transformer of a pipeline directory is told which frame is the first."""
    build: Any = MiniworldTransformer3DModel
    return build.load_config(folder / "transformer")["in_channels"] > CHANNELS


def _each_its_text(transformer: Any) -> Any:
    """The transformer, in which every frame now reads its own text."""
    for block in transformer.blocks:
        block.attn2.set_processor(FrameText())
    return transformer
