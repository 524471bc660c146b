"""The denoiser of the embedded model: a U-Net whose levels attend over positions, text and frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from vstar_sdk.errors import ModelError
from vstar_sdk.miniworld.networks.attention import SpatialTransformer, TemporalTransformer, timestep_features
from vstar_sdk.miniworld.networks.layers import Doubled, Halved, Residual, TemporalConvolution

HEADS_IN = 8
"""Heads of the first temporal transformer, whatever the configuration says."""

FIXED: Mapping[str, Any] = {"act_fn": "silu", "downsample_padding": 1, "mid_block_scale_factor": 1, "time_cond_proj_dim": None}
"""What this network can be configured with in one way alone."""


class Level(nn.Module):
    """Layers at one resolution: convolutions over positions and frames, attention over positions, text and frames.

    Args:
        widths: channels before and after each layer.
        config: of the network.
        leading: residual blocks come before the attentions as well as behind them, as in the middle of the network.
    """

    def __init__(self, widths: Iterable[tuple[int, int]], config: Mapping[str, Any], *, leading: bool = False) -> None:
        super().__init__()
        groups, eps, context = config["norm_num_groups"], config["norm_eps"], config["cross_attention_dim"]
        time = 4 * config["block_out_channels"][0]
        widths = list(widths)
        attended = [after for _, after in widths[1 if leading else 0 :]]
        head_dim = config["attention_head_dim"]
        self._leading = leading
        self.resnets = nn.ModuleList([Residual(before, after, groups, eps, time) for before, after in widths])
        self.temp_convs = nn.ModuleList([TemporalConvolution(after, groups) for _, after in widths])
        self.attentions = nn.ModuleList(
            [SpatialTransformer(channels, channels // head_dim, groups, context) for channels in attended]
        )
        self.temp_attentions = nn.ModuleList(
            [TemporalTransformer(channels, channels // head_dim, head_dim, groups) for channels in attended]
        )

    def convolve(self, layer: int, hidden_states: Tensor, time: Tensor, frames: int) -> Tensor:
        """One layer's convolutions."""
        return self.temp_convs[layer](self.resnets[layer](hidden_states, time), frames)

    def attend(self, layer: int, hidden_states: Tensor, text: Tensor, frames: int) -> Tensor:
        """One layer's attentions."""
        return self.temp_attentions[layer](self.attentions[layer](hidden_states, text), frames)


class Down(Level):
    """A level on the way down, halved at its end but for the last one."""

    def __init__(self, before: int, after: int, config: Mapping[str, Any], *, last: bool) -> None:
        layers = config["layers_per_block"]
        super().__init__([(before, after), *[(after, after)] * (layers - 1)], config)
        self.downsamplers = None if last else nn.ModuleList([Halved(after, centred=True)])

    def forward(self, hidden_states: Tensor, time: Tensor, text: Tensor, frames: int) -> list[Tensor]:
        """Every layer's output; the last one goes on."""
        made: list[Tensor] = []
        for layer in range(len(self.resnets)):
            hidden_states = self.convolve(layer, hidden_states, time, frames)
            hidden_states = self.attend(layer, hidden_states, text, frames)
            made.append(hidden_states)
        for halve in self.downsamplers or ():
            made.append(halve(hidden_states))
        return made


class Middle(Level):
    """The lowest level."""

    def __init__(self, width: int, config: Mapping[str, Any]) -> None:
        super().__init__([(width, width)] * 2, config, leading=True)

    def forward(self, hidden_states: Tensor, time: Tensor, text: Tensor, frames: int) -> Tensor:
        """Map ``(videos * frames, width, height, width)`` to the same shape."""
        hidden_states = self.convolve(0, hidden_states, time, frames)
        return self.convolve(1, self.attend(0, hidden_states, text, frames), time, frames)


class Up(Level):
    """A level on the way up, where each layer sees an output of the way down; doubled at its end but for the last one."""

    def __init__(self, below: int, after: int, skip: int, config: Mapping[str, Any], *, last: bool) -> None:
        layers = config["layers_per_block"] + 1
        own, skipped = [below, *[after] * (layers - 1)], [*[after] * (layers - 1), skip]
        super().__init__([(a + b, after) for a, b in zip(own, skipped, strict=True)], config)
        self.upsamplers = None if last else nn.ModuleList([Doubled(after)])

    def forward(self, hidden_states: Tensor, skipped: list[Tensor], time: Tensor, text: Tensor, frames: int) -> Tensor:
        """Use up one entry of ``skipped`` for each layer, from its end."""
        for layer in range(len(self.resnets)):
            hidden_states = torch.cat([hidden_states, skipped.pop()], dim=1)
            hidden_states = self.convolve(layer, hidden_states, time, frames)
            hidden_states = self.attend(layer, hidden_states, text, frames)
        for double in self.upsamplers or ():
            hidden_states = double(hidden_states)
        return hidden_states


class TimeEmbedding(nn.Module):
    """The embedding of a timestep."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, 4 * channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(videos, channels)`` to ``(videos, 4 * channels)``."""
        return self.linear_2(silu(self.linear_1(features)))


class UNet(nn.Module):
    """The denoiser.

    Args:
        config: of a ``UNet3DConditionModel`` of the embedded model's kind.

    Raises:
        ModelError: the configuration is of another kind.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        _check(config)
        self.config = dict(config)
        widths: list[int] = config["block_out_channels"]
        first, groups = widths[0], config["norm_num_groups"]
        self.conv_in = nn.Conv2d(config["in_channels"], first, 3, padding=1)
        self.time_embedding = TimeEmbedding(first)
        self.transformer_in = TemporalTransformer(first, HEADS_IN, config["attention_head_dim"], groups)
        ways = list(pairwise([first, *widths]))
        last = len(widths) - 1
        self.down_blocks = nn.ModuleList([Down(*way, config, last=i == last) for i, way in enumerate(ways)])
        self.mid_block = Middle(widths[-1], config)
        upward = widths[::-1]
        self.up_blocks = nn.ModuleList(
            [Up(upward[max(i - 1, 0)], after, upward[min(i + 1, last)], config, last=i == last) for i, after in enumerate(upward)]
        )
        self.conv_norm_out = nn.GroupNorm(groups, first, eps=config["norm_eps"])
        self.conv_out = nn.Conv2d(first, config["out_channels"], 3, padding=1)

    @property
    def dtype(self) -> torch.dtype:
        """The precision of its weights."""
        return self.conv_in.weight.dtype

    def forward(self, sample: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """Predict.

        Args:
            sample: latents ``(videos, channels, frames, height, width)``.
            timestep: 0-d.
            text: ``(videos * frames, tokens, dim)``.

        Returns:
            Of the latents' shape.
        """
        videos, _, frames = sample.shape[:3]
        features = timestep_features(timestep[None].to(sample.device).expand(videos), self.conv_in.out_channels)
        time = self.time_embedding(features.to(self.dtype)).repeat_interleave(frames, dim=0)
        hidden_states = self.conv_in(sample.transpose(1, 2).flatten(0, 1))
        hidden_states = self.transformer_in(hidden_states, frames)
        skipped = [hidden_states]
        for block in self.down_blocks:
            skipped += block(skipped[-1], time, text, frames)
        hidden_states = self.mid_block(skipped[-1], time, text, frames)
        for block in self.up_blocks:
            hidden_states = block(hidden_states, skipped, time, text, frames)
        hidden_states = self.conv_out(silu(self.conv_norm_out(hidden_states)))
        return hidden_states.unflatten(0, (videos, frames)).transpose(1, 2)


def _check(config: Mapping[str, Any]) -> None:
    """Refuse a configuration that means another network."""
    kinds = {*config["down_block_types"], *config["up_block_types"]}
    odd = [name for name, value in FIXED.items() if config.get(name, value) != value]
    if kinds != {"CrossAttnDownBlock3D", "CrossAttnUpBlock3D"} or odd:
        what = odd[0] if odd else f"blocks of type {', '.join(sorted(kinds))}"
        raise ModelError(
            f"the embedded model's network cannot be built with {what}",
            hint="load it with model.use: modelscope",
        )
