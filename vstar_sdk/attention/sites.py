"""Sites: the temporal self-attentions of a denoiser, as a regularizer sees them. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Block = Literal["init", "down", "mid", "up"]


@dataclass(frozen=True)
class SiteAddress:
    """Where a temporal self-attention stands in the network, whatever the clip.

    Attributes:
        name: dotted name of the attention module inside the denoiser.
        block: part of the network; ``init`` is the transformer before the first block, which TAR never touches.
        level: 0 is the highest resolution that has temporal attention, 1 the next.
        heads: attention heads.
        head_dim: channels of a head.
    """

    name: str
    block: Block
    level: int
    heads: int
    head_dim: int


@dataclass(frozen=True)
class Site(SiteAddress):
    """A site in a run: the address, and the clip that runs through it.

    Attributes:
        frames: frames that attend to each other.
        fps: frames a second, for durations given in seconds.
    """

    frames: int
    fps: float

    @classmethod
    def of(cls, address: SiteAddress, frames: int, fps: float) -> Site:
        """The site at an address, for a clip."""
        return cls(address.name, address.block, address.level, address.heads, address.head_dim, frames, fps)
