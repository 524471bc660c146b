"""The UNet, its scheduler, and text for every frame."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import TemporalConvLayer
from diffusers.models.transformers.transformer_temporal import TransformerTemporalModel
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn

from training.text import WIDTH

MOVING_CONVS = ("down_blocks.0.temp_convs.0", "up_blocks.1.temp_convs.0")
"""The temporal convolutions that are trained; the others stay at identity, so that temporal attention has to work."""


def new_unet(small: bool = False, start: Path | None = None) -> Any:
    """A UNet to be trained.

    Args:
        small: the size of smoke runs.
        start: a pipeline directory whose weights it takes; without it, temporal layers are all at identity.
    """
    build: Any = UNet3DConditionModel
    unet = build(
        sample_size=8,
        in_channels=16,
        out_channels=16,
        down_block_types=("CrossAttnDownBlock3D", "CrossAttnDownBlock3D"),
        up_block_types=("CrossAttnUpBlock3D", "CrossAttnUpBlock3D"),
        block_out_channels=(16, 32) if small else (48, 96),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=16,
        norm_num_groups=16,
    )
    for module in unet.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, TransformerTemporalModel):
            nn.init.zeros_(module.proj_out.weight)
            nn.init.zeros_(module.proj_out.bias)
            for attention in module.modules():
                if isinstance(attention, Attention):
                    layers: Any = attention
                    nn.init.xavier_uniform_(layers.to_q.weight, gain=1.5)
                    layers.to_k.weight.data.copy_(layers.to_q.weight.data)
    if start is not None:
        unet.load_state_dict(UNet3DConditionModel.from_pretrained(start / "unet", dtype=torch.float32).state_dict())
    unet.set_attn_processor(FloatAttention())
    return unet


class FloatAttention:
    """Plain attention in float32, also inside of a bfloat16 autocast, where a CPU is slow at it."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Attend; the arguments of any attention processor of diffusers, of which masks are not used."""
        del attention_mask, kwargs
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        layers: Any = attn
        parts = (layers.to_q(hidden_states), layers.to_k(source), layers.to_v(source))
        q, k, v = (p.float().unflatten(-1, (attn.heads, -1)).transpose(1, 2) for p in parts)
        with torch.autocast("cpu", enabled=False):
            out = functional.scaled_dot_product_attention(q, k, v)
        return layers.to_out[0](out.transpose(1, 2).flatten(2).to(hidden_states.dtype))


def new_scheduler() -> DDIMScheduler:
    """The scheduler that the model is trained for and sampled with."""
    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=True,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )


@contextmanager
def text_per_frame(unet: UNet3DConditionModel, embeddings: Tensor) -> Iterator[None]:
    """Within it every frame is denoised under its own text: ``embeddings`` is ``(batch * frames, tokens, dim)``."""

    def give(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        del module
        return args, {**kwargs, "encoder_hidden_states": embeddings}

    blocks = [m for m in unet.modules() if getattr(m, "has_cross_attention", False)]
    handles = [block.register_forward_pre_hook(give, with_kwargs=True) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def skip_no_ops(unet: UNet3DConditionModel, temporal: bool) -> list[nn.Parameter]:
    """Leave out of the computation what is at identity, and return the parameters that remain to be trained.

    Args:
        unet: its frozen layers get a ``forward`` that passes its input on; exported weights give the same output.
        temporal: whether the temporal layers take part (a stage of clips), or all are left out (single frames).
    """
    frozen: set[int] = set()
    for name, module in unet.named_modules():
        if isinstance(module, TransformerTemporalModel):
            passes = not temporal or name == "transformer_in"
        elif isinstance(module, TemporalConvLayer):
            passes = not temporal or name not in MOVING_CONVS
        else:
            continue
        module.__dict__.pop("forward", None)
        if passes:
            conv = isinstance(module, TemporalConvLayer)
            module.__dict__["forward"] = _pass_convolution if conv else _pass_transformer
            frozen.update(id(p) for p in module.parameters())
    return [p for p in unet.parameters() if id(p) not in frozen]


def _pass_convolution(hidden_states: Tensor, num_frames: int = 1) -> Tensor:
    del num_frames
    return hidden_states


def _pass_transformer(hidden_states: Tensor, **kwargs: Any) -> tuple[Tensor]:
    del kwargs
    return (hidden_states,)
