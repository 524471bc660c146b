"""The timeline: which mixture of key states every frame shows. Plain Python, no torch.

Frame ``n`` between the anchors of states ``k`` and ``k + 1`` gets ``(1 - b) e_k + b e_{k+1}`` with ``b`` rising from 0 at the
one anchor to 1 at the next (VSTAR, video synopsis prompting). As a matrix: ``conditioning = weights @ state embeddings``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from vstar_sdk import moments
from vstar_sdk.clock import Clock
from vstar_sdk.errors import SpecError
from vstar_sdk.synopses import State

Interpolation = Literal["linear", "hold", "smooth"]

_BLENDS: dict[Interpolation, Callable[[float], float]] = {
    "linear": lambda b: b,
    "hold": lambda b: 0.0,
    "smooth": lambda b: b * b * (3.0 - 2.0 * b),
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """Weights of the states in every frame.

    Attributes:
        anchors: the frame at which each state is fully there, strictly increasing.
        weights: ``(frames, states)``; every row sums to 1 and has at most two entries that are not 0.
        interpolation: how neighbours are blended.
    """

    anchors: tuple[int, ...]
    weights: tuple[tuple[float, ...], ...]
    interpolation: Interpolation = "linear"

    @classmethod
    def of(cls, states: Sequence[State], frames: int, fps: float, interpolation: Interpolation = "linear") -> Timeline:
        """The timeline of some states; see `build`."""
        return build(states, frames, fps, interpolation)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.weights)

    @property
    def states(self) -> int:
        """Number of key states."""
        return len(self.anchors)

    def pooled(self, clock: Clock) -> tuple[tuple[float, ...], ...]:
        """The weights of the latent frames of a model that compresses time: the mean of the frames that each stands for.

        Args:
            clock: of the clip.

        Returns:
            ``(latent frames, states)``; every row sums to 1.
        """
        groups = [self.weights[span.start : span.stop] for span in clock.spans]
        return tuple(tuple(sum(column) / len(group) for column in zip(*group, strict=True)) for group in groups)

    def stretched(self, frames: int) -> Timeline:
        """The same story over another number of frames: from the first to the last, anchors at the nearest frame.

        Args:
            frames: from 1.

        Raises:
            SpecError: so few frames do not hold the states.
        """
        if frames == self.frames:
            return self
        times = (frames - 1) / max(1, self.frames - 1)
        anchors = tuple(round(anchor * times) for anchor in self.anchors)
        if len({*anchors}) < len(anchors):
            raise SpecError(f"{self.states} states do not fit into {frames} frames", hint="keep a frame for every state")
        return Timeline(anchors, tuple(_row(n, anchors, _BLENDS[self.interpolation]) for n in range(frames)), self.interpolation)

    def ruling(self) -> tuple[int, ...]:
        """The state with the largest weight in each frame; of two that are equal, the later."""
        return tuple(max(range(self.states), key=lambda k: (row[k], k)) for row in self.weights)

    def spans(self) -> tuple[tuple[int, int], ...]:
        """First and last frame that each state rules, both inclusive."""
        ruling = self.ruling()
        return tuple((ruling.index(k), self.frames - 1 - ruling[::-1].index(k)) for k in range(self.states))


def build(states: Sequence[State], frames: int, fps: float, interpolation: Interpolation = "linear") -> Timeline:
    """Place the states on the frames.

    A state without an anchor of its own is spaced evenly between its nearest anchored neighbours; the first defaults to
    frame 0 and the last to the last frame, which gives the paper's ``floor(linspace(0, frames - 1, states))``. Before the
    first anchor the first state holds, after the last anchor the last.

    Args:
        states: the key states, in story order.
        frames: frames of the clip, from 1.
        fps: frames a second, for anchors given in seconds.
        interpolation: ``linear`` (the paper's), ``hold`` (each state until the next anchor) or ``smooth`` (cubic ease).

    Raises:
        SpecError: no states, more states than frames, an anchor beyond the clip or out of order; its path begins with ``states``.
    """
    if not states:
        raise SpecError("a synopsis needs at least one state", path=("states",), hint="write one caption for each key state")
    if len(states) > frames:
        raise SpecError(
            f"{len(states)} states do not fit into {frames} {'frame' if frames == 1 else 'frames'}",
            path=("states",),
            hint=f"make at least {len(states)} frames, or at most {frames} states",
        )
    anchors = _anchors(states, frames, fps)
    return Timeline(anchors, tuple(_row(n, anchors, _BLENDS[interpolation]) for n in range(frames)), interpolation)


def _anchors(states: Sequence[State], frames: int, fps: float) -> tuple[int, ...]:
    """Every state's frame: the given ones, and the others spaced evenly between them."""
    given: dict[int, int] = {}
    for index, state in enumerate(states):
        if state.at is None:
            continue
        try:
            given[index] = moments.position(state.at, frames, fps)
        except ValueError as error:
            raise SpecError(
                f"state {index + 1}: {error}", path=("states", index, "at"), hint="move the anchor into the clip"
            ) from None
    own = tuple(given)
    given.setdefault(0, 0)
    if len(states) > 1:
        given.setdefault(len(states) - 1, frames - 1)
    known = sorted(given)
    for left, right in pairwise(known):
        first, last, steps = given[left], given[right], right - left
        if last - first < steps:
            at_fault = right if right in own else left
            raise SpecError(
                f"no room from state {left + 1} at frame {first} to state {right + 1} at frame {last}: anchors must increase",
                path=("states", at_fault, "at"),
                hint="put the anchors in story order, with a frame for every state between them",
            )
        for step in range(1, steps):
            given[left + step] = first + step * (last - first) // steps
    return tuple(given[index] for index in range(len(states)))


def _row(frame: int, anchors: tuple[int, ...], blend: Callable[[float], float]) -> tuple[float, ...]:
    """The weights of one frame."""
    row = [0.0] * len(anchors)
    after = next((k for k, anchor in enumerate(anchors) if anchor > frame), len(anchors))
    if after in (0, len(anchors)):
        row[max(after - 1, 0)] = 1.0
    else:
        left, right = anchors[after - 1], anchors[after]
        row[after] = blend((frame - left) / (right - left))
        row[after - 1] = 1.0 - row[after]
    return tuple(row)
