"""Sites: the temporal self-attentions of a denoiser, as a regularizer sees them. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from vstar_sdk import moments
from vstar_sdk.clock import Clock

Block = Literal["init", "down", "mid", "up", "stack"]

SiteKind = Literal["factorised", "joint", "cross"]
"""``factorised``: an attention over the frames of each position. ``joint``: one attention over the positions of all frames, in
the order of the frames: ``token = frame * positions + position``. ``cross``: from these to the text tokens of all key states."""


@dataclass(frozen=True)
class RotaryPositions:
    """How a network turns queries and keys by the frame that they are of (rotary position embedding; Su et al., 2021).

    Attributes:
        frequencies: of each pair of channels that the frame turns, the fastest first, in radians a frame: its angle is
            ``frame * frequency``.
        first: the first of these channels, of those of a head.
        pairs: which channels are a pair: ``neighbours`` (0 and 1, 2 and 3), or ``halves`` (the first half and the second).
        places: where heads are turned by frequencies of their own: for each frequency the first of its two neighbouring channels,
            among those of all heads, one head after the other. Then ``first`` and ``pairs`` count for nothing.
    """

    frequencies: tuple[float, ...]
    first: int = 0
    pairs: Literal["neighbours", "halves"] = "neighbours"
    places: tuple[int, ...] = ()


@dataclass(frozen=True)
class Segment:
    """The text tokens of one key state at a site that reads them, one segment after the other.

    Attributes:
        tokens: how many they are.
        start: the first frame that the state rules, in the units of `Clock.positions`.
        end: the last one.
    """

    tokens: int
    start: float
    end: float


@dataclass(frozen=True)
class SiteAddress:
    """Where a temporal self-attention stands in the network, whatever the clip.

    Attributes:
        name: dotted name of the attention module inside the denoiser.
        block: part of the network; ``init`` is the transformer before the first block, which TAR never touches; ``stack`` is a
            row of equal blocks at one resolution.
        level: 0 is the highest resolution that has temporal attention, 1 the next.
        heads: attention heads.
        head_dim: channels of a head.
        kind: which tokens attend to each other.
        index: number of its block from 0, in a network that is a stack; else None.
        rotary: how it knows which frame a token is of, where that is by rotary positions; else None.
        reads: whether frames read the text of key states there, each state's tokens told apart.
        fused: whether its biases run inside a fused kernel (see `fused_sites`): how it is computed, not which site it is.
    """

    name: str
    block: Block
    level: int
    heads: int
    head_dim: int
    kind: SiteKind = field(default="factorised", kw_only=True)
    index: int | None = field(default=None, kw_only=True)
    rotary: RotaryPositions | None = field(default=None, kw_only=True)
    reads: bool = field(default=False, kw_only=True)
    fused: bool = field(default=False, kw_only=True, compare=False)


@dataclass(frozen=True)
class Site(SiteAddress):
    """A site in a run: the address, and the clip that runs through it.

    Attributes:
        frames: frames that attend to each other: latent frames, where the model compresses time.
        fps: of these, a second.
        clock: when each of them is; of a model without compression, as the two say.
        segments: of a site that reads key states, the text tokens of each; none until they are encoded.
    """

    frames: int
    fps: float
    clock: Clock = field(default=None, kw_only=True)  # type: ignore[assignment]  (filled in below)
    segments: tuple[Segment, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if self.clock is None:  # pyright: ignore[reportUnnecessaryComparison]
            object.__setattr__(self, "clock", Clock(self.frames, self.fps))

    @classmethod
    def of(cls, address: SiteAddress, frames: int, fps: float) -> Site:
        """The site at an address, for a clip of a model that does not compress time."""
        return cls.at(address, Clock(frames, fps))

    @classmethod
    def at(cls, address: SiteAddress, clock: Clock, segments: tuple[Segment, ...] | None = None) -> Site:
        """The site at an address, for a clip.

        Args:
            address: where; or a site, for another clip.
            clock: of the clip.
            segments: of a site that reads key states; None for those of a site that has some.
        """
        if segments is None:
            segments = address.segments if isinstance(address, Site) else ()
        where = {field.name: getattr(address, field.name) for field in fields(SiteAddress)}
        return cls(**where, frames=clock.latents, fps=clock.rate, clock=clock, segments=segments)

    def duration(self, span: moments.Span) -> float:
        """A length of time as an option has it, in the units of the distances that operations are given.

        Args:
            span: frames (of those that attend to each other), ``"0.5s"``, or ``"12.5%"`` of the clip.

        Raises:
            ValueError: it is not a length of time.
        """
        amount, unit = moments.parse(span)
        return amount * {"frames": 1.0, "seconds": self.fps, "fraction": self.clock.length}[unit]


NARROWEST = 16
"""Channels of a head below which the fused kernel does not exist."""


def fused_sites(addresses: Sequence[SiteAddress]) -> tuple[SiteAddress, ...]:
    """The same sites, their biases in a fused kernel wherever there is one for their heads.

    Args:
        addresses: of a model.
    """
    return tuple(replace(one, fused=one.kind != "cross" and one.head_dim >= NARROWEST) for one in addresses)
