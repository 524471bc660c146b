"""The time of a frame: which pixel frames a latent frame stands for, and when that is. No torch.

Many models compress time, and not evenly: the first latent frame often stands for one frame alone and each later one for four. A
distance in latent frames is then no distance in time. Distances here are between the middles of what two latent frames stand for,
in units of the regular spacing, so that models without compression have the plain ``i - j``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, pairwise, repeat


@dataclass(frozen=True)
class Rhythm:
    """How a model packs the frames of a clip into latent frames: ``head``, then ``cycle`` any number of times, then ``tail``.

    Attributes:
        head: frames that each latent frame at the beginning stands for.
        cycle: likewise, of those that come again and again.
        tail: likewise, at the end; it goes on in the cycle's way.
    """

    head: tuple[int, ...] = (1,)
    cycle: tuple[int, ...] = (1,)
    tail: tuple[int, ...] = ()

    @classmethod
    def causal(cls, frames_per_latent: int) -> Rhythm:
        """The first frame alone, then so many in each latent frame: clips of ``1 + k frames_per_latent`` (Wan: 4, LTX: 8)."""
        return cls(cycle=(frames_per_latent,))

    @property
    def regular(self) -> int:
        """The regular spacing: frames from one latent frame to the next, once the clip is under way."""
        return max(self.cycle)

    @property
    def shortest(self) -> int:
        """Frames of the shortest clip."""
        return sum(self.head) + sum(self.tail)

    @property
    def step(self) -> int:
        """Frames from one allowed length of a clip to the next."""
        return sum(self.cycle)

    @property
    def formula(self) -> str:
        """The lengths that clips have: ``1 + 4 k``."""
        return f"{self.shortest} + {self.step} k"

    def nearest(self, frames: int) -> tuple[int, ...]:
        """The lengths next to one that is asked for: itself alone where it is one."""
        if frames < self.shortest:
            return (self.shortest,)
        below = self.shortest + (frames - self.shortest) // self.step * self.step
        return (below,) if below == frames else (below, below + self.step)

    def frames_of(self, latents: int) -> int:
        """Frames of a clip of so many latent frames.

        Raises:
            ValueError: no clip has so many.
        """
        times, rest = divmod(latents - len(self.head) - len(self.tail), len(self.cycle))
        if times < 0 or rest:
            raise ValueError(f"no clip of {self.formula} frames has {latents} latent frames")
        return self.shortest + times * self.step

    def spans(self, frames: int) -> tuple[int, ...]:
        """How many frames each latent frame of a clip stands for.

        Raises:
            ValueError: the clip has another number of frames than `formula` gives.
        """
        if self.nearest(frames) != (frames,):
            raise ValueError(f"a clip has {self.formula} frames, not {frames}")
        times = (frames - self.shortest) // self.step
        return (*self.head, *chain.from_iterable(repeat(self.cycle, times)), *self.tail)


EVERY_FRAME = Rhythm()
"""Of a model that does not compress time."""


@dataclass(frozen=True)
class Clock:
    """The time of one clip.

    Attributes:
        frames: pixel frames.
        fps: pixel frames a second.
        rhythm: of the model.

    Raises:
        ValueError: the model's clips have other numbers of frames.
    """

    frames: int
    fps: float
    rhythm: Rhythm = EVERY_FRAME

    def __post_init__(self) -> None:
        self.rhythm.spans(self.frames)

    @classmethod
    def of_latents(cls, latents: int, fps: float, rhythm: Rhythm = EVERY_FRAME) -> Clock:
        """The clock of a clip of so many latent frames.

        Raises:
            ValueError: no clip has so many.
        """
        return cls(rhythm.frames_of(latents), fps, rhythm)

    @cached_property
    def spans(self) -> tuple[range, ...]:
        """The frames that each latent frame stands for, from 0."""
        ends = list(accumulate(self.rhythm.spans(self.frames), initial=0))
        return tuple(range(start, end) for start, end in pairwise(ends))

    @property
    def latents(self) -> int:
        """Latent frames."""
        return len(self.spans)

    @cached_property
    def positions(self) -> tuple[float, ...]:
        """Where each latent frame is: the middle of its frames, in units of the regular spacing (0, 1, 2 without compression)."""
        return tuple((span[0] + span[-1]) / 2 / self.rhythm.regular for span in self.spans)

    @property
    def times(self) -> tuple[float, ...]:
        """The same in seconds."""
        return tuple(position / self.rate for position in self.positions)

    @property
    def rate(self) -> float:
        """Units of the regular spacing in a second."""
        return self.fps / self.rhythm.regular

    @property
    def length(self) -> float:
        """The whole clip in units of the regular spacing."""
        return self.frames / self.rhythm.regular
