"""Convolutional layers of the embedded model."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, silu


class Residual(nn.Module):
    """Two convolutions over each frame, with a residual connection.

    Args:
        before: channels of the input.
        after: channels of the output.
        groups: of the normalisations.
        eps: of the normalisations.
        time: channels of the timestep's embedding; None for a network without one.
    """

    def __init__(self, before: int, after: int, groups: int, eps: float, time: int | None = None) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, before, eps=eps)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.time_emb_proj = nn.Linear(time, after) if time is not None else None
        self.norm2 = nn.GroupNorm(groups, after, eps=eps)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(before, after, 1) if before != after else None

    def forward(self, hidden_states: Tensor, time: Tensor | None = None) -> Tensor:
        """Map ``(frames, before, height, width)`` to ``(frames, after, height, width)``.

        Args:
            hidden_states: the input.
            time: embeddings of the frames' timesteps ``(frames, time)``.
        """
        changed = self.conv1(silu(self.norm1(hidden_states)))
        if self.time_emb_proj is not None and time is not None:
            changed = changed + self.time_emb_proj(silu(time))[:, :, None, None]
        changed = self.conv2(silu(self.norm2(changed)))
        return (hidden_states if self.conv_shortcut is None else self.conv_shortcut(hidden_states)) + changed


class TemporalConvolution(nn.Module):
    """Four convolutions over frames, with a residual connection.

    Attributes:
        idle: it is left out, because its last layer is all zero: it would add nothing to its input.
    """

    LAST = "conv4.3"
    """The layer whose output is added to the input."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()

        def stage(*between: nn.Module) -> nn.Sequential:
            convolution = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0))
            return nn.Sequential(nn.GroupNorm(groups, channels), nn.SiLU(), *between, convolution)

        # What stands for a dropout keeps the numbers in the names of the weights.
        self.conv1, self.conv2, self.conv3, self.conv4 = stage(), *(stage(nn.Identity()) for _ in range(3))
        self.idle = False

    def forward(self, hidden_states: Tensor, frames: int) -> Tensor:
        """Map ``(videos * frames, channels, height, width)`` to the same shape."""
        if self.idle:
            return hidden_states
        videos = hidden_states.reshape(-1, frames, *hidden_states.shape[1:]).transpose(1, 2)
        videos = videos + self.conv4(self.conv3(self.conv2(self.conv1(videos))))
        return videos.transpose(1, 2).flatten(0, 1)


class Halved(nn.Module):
    """A convolution that halves height and width.

    Args:
        channels: of input and output.
        centred: pad all sides alike; else right and bottom alone.
    """

    def __init__(self, channels: int, *, centred: bool) -> None:
        super().__init__()
        self._centred = centred
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1 if centred else 0)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Map ``(frames, channels, height, width)`` to half the size."""
        return self.conv(hidden_states if self._centred else pad(hidden_states, (0, 1, 0, 1)))


class Doubled(nn.Module):
    """Height and width doubled by repetition, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Map ``(frames, channels, height, width)`` to twice the size."""
        return self.conv(interpolate(hidden_states, scale_factor=2.0, mode="nearest"))
