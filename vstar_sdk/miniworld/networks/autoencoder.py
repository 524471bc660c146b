"""The autoencoder of the embedded model: pictures to latents and back, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

from vstar_sdk.miniworld.networks.layers import Doubled, Halved, Residual

EPS = 1e-6
"""Of all its normalisations."""


class PictureAttention(nn.Module):
    """Attention of one head over the positions of a picture, with a residual connection."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, channels, eps=EPS)
        self.to_q, self.to_k, self.to_v = (nn.Linear(channels, channels) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Map ``(frames, channels, height, width)`` to the same shape."""
        tokens = self.group_norm(hidden_states.flatten(2)).transpose(1, 2)
        query, key, value = (project(tokens).unsqueeze(1) for project in (self.to_q, self.to_k, self.to_v))
        attended = self.to_out[0](scaled_dot_product_attention(query, key, value).squeeze(1))
        return attended.transpose(1, 2).reshape(hidden_states.shape) + hidden_states


class Middle(nn.Module):
    """The lowest level of encoder and decoder."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([Residual(channels, channels, groups, EPS) for _ in range(2)])
        self.attentions = nn.ModuleList([PictureAttention(channels, groups)])

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Map ``(frames, channels, height, width)`` to the same shape."""
        return self.resnets[1](self.attentions[0](self.resnets[0](hidden_states)))


class Level(nn.Module):
    """Residual blocks at one resolution.

    Args:
        before: channels of the input.
        after: channels of the output.
        layers: residual blocks.
        groups: of the normalisations.
    """

    def __init__(self, before: int, after: int, layers: int, groups: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([Residual(before if i == 0 else after, after, groups, EPS) for i in range(layers)])

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Map ``(frames, before, height, width)`` to ``(frames, after, ...)``."""
        for block in self.resnets:
            hidden_states = block(hidden_states)
        return hidden_states


class Down(Level):
    """A level of the encoder, halved at its end but for the last one."""

    def __init__(self, before: int, after: int, layers: int, groups: int, *, last: bool) -> None:
        super().__init__(before, after, layers, groups)
        self.downsamplers = nn.ModuleList([] if last else [Halved(after, centred=False)])

    def forward(self, hidden_states: Tensor) -> Tensor:
        """See `Level`."""
        hidden_states = super().forward(hidden_states)
        for halve in self.downsamplers:
            hidden_states = halve(hidden_states)
        return hidden_states


class Up(Level):
    """A level of the decoder, doubled at its end but for the last one."""

    def __init__(self, before: int, after: int, layers: int, groups: int, *, last: bool) -> None:
        super().__init__(before, after, layers, groups)
        self.upsamplers = nn.ModuleList([] if last else [Doubled(after)])

    def forward(self, hidden_states: Tensor) -> Tensor:
        """See `Level`."""
        hidden_states = super().forward(hidden_states)
        for double in self.upsamplers:
            hidden_states = double(hidden_states)
        return hidden_states


class Encoder(nn.Module):
    """Pictures to the mean and the logarithmic variance of their latents."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        widths, groups, layers = config["block_out_channels"], config["norm_num_groups"], config["layers_per_block"]
        ways = list(pairwise([widths[0], *widths]))
        self.conv_in = nn.Conv2d(config["in_channels"], widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList([Down(*way, layers, groups, last=i == len(ways) - 1) for i, way in enumerate(ways)])
        self.mid_block = Middle(widths[-1], groups)
        self.conv_norm_out = nn.GroupNorm(groups, widths[-1], eps=EPS)
        self.conv_out = nn.Conv2d(widths[-1], 2 * config["latent_channels"], 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map ``(frames, 3, height, width)`` to ``(frames, 2 * channels, ...)``."""
        hidden_states = self.conv_in(pictures)
        for block in self.down_blocks:
            hidden_states = block(hidden_states)
        return self.conv_out(silu(self.conv_norm_out(self.mid_block(hidden_states))))


class Decoder(nn.Module):
    """Latents to pictures."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        widths, groups, layers = config["block_out_channels"][::-1], config["norm_num_groups"], config["layers_per_block"] + 1
        ways = list(pairwise([widths[0], *widths]))
        self.conv_in = nn.Conv2d(config["latent_channels"], widths[0], 3, padding=1)
        self.mid_block = Middle(widths[0], groups)
        self.up_blocks = nn.ModuleList([Up(*way, layers, groups, last=i == len(ways) - 1) for i, way in enumerate(ways)])
        self.conv_norm_out = nn.GroupNorm(groups, widths[-1], eps=EPS)
        self.conv_out = nn.Conv2d(widths[-1], config["out_channels"], 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Map ``(frames, channels, height, width)`` to ``(frames, 3, ...)``."""
        hidden_states = self.mid_block(self.conv_in(latents))
        for block in self.up_blocks:
            hidden_states = block(hidden_states)
        return self.conv_out(silu(self.conv_norm_out(hidden_states)))


class Autoencoder(nn.Module):
    """Encoder and decoder.

    Args:
        config: of an ``AutoencoderKL`` of the embedded model's kind.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)
        channels = config["latent_channels"]
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.quant_conv = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.post_quant_conv = nn.Conv2d(channels, channels, 1)

    @property
    def dtype(self) -> torch.dtype:
        """The precision of its weights."""
        return self.post_quant_conv.weight.dtype

    def encode(self, pictures: Tensor) -> Tensor:
        """The means ``(frames, channels, ...)`` of the latents of pictures ``(frames, 3, height, width)`` from -1 to 1."""
        return self.quant_conv(self.encoder(pictures)).chunk(2, dim=1)[0]

    def decode(self, latents: Tensor, return_dict: bool = False) -> tuple[Tensor]:
        """Pictures ``(frames, 3, height, width)``, about -1 to 1, of latents ``(frames, channels, ...)``.

        Called and answered as diffusers' ``AutoencoderKL`` is with ``return_dict=False``.
        """
        del return_dict
        return (self.decoder(self.post_quant_conv(latents)),)
