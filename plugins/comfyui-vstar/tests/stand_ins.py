"""Stand-ins for ComfyUI's networks and its CLIP, and a call of one with both branches of guidance."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from vstar_comfyui.apply import VstarApply

FRAMES, POSITIONS, HEADS, WIDTH, TEXT = 5, 4, 2, 12, 6
DIM = HEADS * WIDTH
SIGMAS = torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0])
TAR = {"use": "tar", "sigma": 2, "window": [0.0, 0.5]}


def optimized_attention(q: Tensor, k: Tensor, v: Tensor, heads: int, **more: Any) -> Tensor:
    """ComfyUI's attention: plain, unless the options of the call override it."""
    options = more.get("transformer_options") or {}
    if "optimized_attention_override" in options:
        return options["optimized_attention_override"](plain_attention, q, k, v, heads, **more)
    return plain_attention(q, k, v, heads, **more)


def plain_attention(
    q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Any = None, skip_reshape: bool = False, **more: Any
) -> Tensor:
    del more
    q, k, v = (x if skip_reshape else x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    mask = mask if mask is None or mask.ndim == 4 else mask[:, None]
    return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Queries, keys and values, and ComfyUI's attention of them."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.dim_head = HEADS, WIDTH
        self.q, self.k, self.v = (nn.Linear(DIM, DIM) for _ in range(3))

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Any = None, transformer_options: Any = None) -> Tensor:
        told = x if context is None else context
        more = {"mask": mask, "transformer_options": transformer_options}
        return optimized_attention(self.q(x), self.k(told), self.v(told), self.heads, **more)


class Block(nn.Module):
    """Self-attention and attention to the text, by the names of Wan or of LTX."""

    def __init__(self, own: str, text: str) -> None:
        super().__init__()
        self.names = own, text
        for name in self.names:
            self.add_module(name, Attention())

    def forward(self, x: Tensor, context: Tensor, mask: Any, options: Any) -> Tensor:
        own, text = (self.get_submodule(name) for name in self.names)
        x = x + own(x, transformer_options=options)
        return x + text(x, context, mask=mask, transformer_options=options)


class WanModel(nn.Module):
    """Latents ``(videos, DIM, frames, height, width)``, patches of 1 x 2 x 2."""

    num_layers, num_heads, dim, patch_size, img_emb = 2, HEADS, DIM, (1, 2, 2), None

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block("self_attn", "cross_attn") for _ in range(2))

    def forward(
        self, x: Tensor, timestep: Tensor, context: Tensor, transformer_options: Any, reference_latent: Any = None, **more: Any
    ) -> Tensor:
        del timestep, more
        tokens = nn.functional.avg_pool3d(x, self.patch_size).flatten(2).transpose(1, 2)
        if reference_latent is not None:
            tokens = torch.cat([reference_latent, tokens], 1)
        for block in self.blocks:
            tokens = block(tokens, context, None, transformer_options)
        return tokens


class LTXVModel(nn.Module):
    """One token for each position of the latents; the text of frames lies behind each other."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer_blocks = nn.ModuleList(Block("attn1", "attn2") for _ in range(2))

    def forward(self, x: Tensor, timestep: Tensor, context: Tensor, attention_mask: Any, transformer_options: Any) -> Tensor:
        del timestep
        tokens = x.flatten(2).transpose(1, 2)
        context = context.reshape(len(x), -1, DIM)
        mask = attention_mask if attention_mask is None else (attention_mask - 1).float()[:, None, None] * 1e9
        for block in self.transformer_blocks:
            tokens = block(tokens, context, mask, transformer_options)
        return tokens


class HunyuanBlock(nn.Module):
    """One attention over video and text, heads before tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()

    def forward(self, x: Tensor, mask: Any, transformer_options: Any) -> Tensor:
        made = (self.attention.q(x), self.attention.k(x), self.attention.v(x))
        q, k, v = (one.unflatten(-1, (HEADS, -1)).transpose(1, 2) for one in made)
        return x + optimized_attention(q, k, v, HEADS, mask=mask, skip_reshape=True, transformer_options=transformer_options)


class HunyuanVideo(nn.Module):
    """Video first, then text, with a mask of padding."""

    patch_size, num_heads, hidden_size = [1, 2, 2], HEADS, DIM
    params = SimpleNamespace(axes_dim=[4, 4, 4], theta=256)

    def __init__(self) -> None:
        super().__init__()
        self.double_blocks = nn.ModuleList([HunyuanBlock()])
        self.single_blocks = nn.ModuleList([HunyuanBlock()])

    def forward(self, x: Tensor, timestep: Tensor, context: Tensor, attention_mask: Any, transformer_options: Any) -> Tensor:
        del timestep
        tokens = nn.functional.avg_pool3d(x, self.patch_size).flatten(2).transpose(1, 2)
        mask = None
        if attention_mask is not None:
            mask = torch.zeros(len(x), 1, tokens.shape[1] + context.shape[1])
            mask[:, 0, tokens.shape[1] :] = (attention_mask - 1).float() * torch.finfo(torch.float32).max
        tokens = torch.cat([tokens, context], 1)
        for block in (*self.double_blocks, *self.single_blocks):
            tokens = block(tokens, mask, transformer_options=transformer_options)
        return tokens[:, : -context.shape[1]]


class TimeBlock(nn.Module):
    """The part of ComfyUI's ``BasicTransformerBlock`` that attends over frames."""

    def __init__(self) -> None:
        super().__init__()
        self.attn1 = Attention()

    def forward(self, x: Tensor, transformer_options: Any) -> Tensor:
        return x + self.attn1(x, transformer_options=transformer_options)


class SpatialVideoTransformer(nn.Module):
    """A stack over space, which this one leaves out, and one over time: each position is a sequence of frames."""

    def __init__(self) -> None:
        super().__init__()
        self.time_stack = nn.ModuleList([TimeBlock()])

    def forward(self, x: Tensor, frames: int, transformer_options: Any) -> Tensor:
        _, _, height, width = x.shape
        sequences = x.unflatten(0, (-1, frames)).permute(0, 3, 4, 1, 2).flatten(0, 2)
        sequences = self.time_stack[0](sequences, transformer_options)
        return sequences.unflatten(0, (-1, height, width)).permute(0, 3, 4, 1, 2).flatten(0, 1)


class Downsample(nn.Module):
    def forward(self, x: Tensor, *more: Any) -> Tensor:
        return nn.functional.avg_pool2d(x, 2)


class Upsample(nn.Module):
    def forward(self, x: Tensor, *more: Any) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=2.0)


class UNetModel(nn.Module):
    """Frames in the batch, two resolutions."""

    default_num_video_frames = None

    def __init__(self, *, video: bool = True) -> None:
        super().__init__()
        layers = [[], [Downsample()], [SpatialVideoTransformer()] if video else []]
        self.input_blocks = nn.ModuleList(nn.Sequential(*one) for one in layers)
        self.middle_block = nn.Sequential(*[SpatialVideoTransformer()] if video else [])
        last = [Upsample(), SpatialVideoTransformer()] if video else [Upsample()]
        self.output_blocks = nn.ModuleList([nn.Sequential(*last)])

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor, transformer_options: Any, num_video_frames: int) -> Tensor:
        del timesteps, context
        for part in (*self.input_blocks, self.middle_block, *self.output_blocks):
            for layer in part.children():
                x = layer(x, num_video_frames, transformer_options)
        return x


class Clip:
    """Reads a caption as random numbers of its own."""

    def tokenize(self, text: str) -> str:
        return text

    def encode_from_tokens_scheduled(self, tokens: str) -> Any:
        generator = torch.Generator().manual_seed(sum(map(ord, tokens)))
        seen = (torch.arange(TEXT) < TEXT - 1)[None].long()
        return [[torch.randn(1, TEXT, DIM, generator=generator), {"attention_mask": seen}]]


def text(caption: str) -> Tensor:
    return Clip().encode_from_tokens_scheduled(caption)[0][0]


def called(model: Any, step: int = 0, override: Any = None, **more: Any) -> Tensor:
    """Both branches of guidance in one batch, the prompt's first."""
    network = model.model.diffusion_model
    size = (2, 2) if isinstance(network, LTXVModel) else (4, 4)
    one = 3 * torch.randn(1, DIM, FRAMES, *size, generator=torch.Generator().manual_seed(1))
    options = {"sample_sigmas": SIGMAS, "sigmas": SIGMAS[step : step + 1], "cond_or_uncond": [0, 1]}
    if override is not None:
        options["optimized_attention_override"] = override
    given = {"context": torch.cat([text("a bud"), text("blurred")]), "transformer_options": options}
    if isinstance(network, UNetModel):
        rows = one.repeat(2, 1, 1, 1, 1).transpose(1, 2).flatten(0, 1)
        with torch.no_grad():
            return model(rows, SIGMAS[step] * 1000, num_video_frames=FRAMES, **given | more)
    if not isinstance(network, WanModel):
        given["attention_mask"] = None
    with torch.no_grad():
        return model(one.repeat(2, 1, 1, 1, 1), SIGMAS[step] * 1000, **given | more)


def applied(model: Any, **more: Any) -> Any:
    return VstarApply.execute(model, **more).values[0]


def worst(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())
