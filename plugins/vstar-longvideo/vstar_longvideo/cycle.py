"""A story that comes round (ours): after its last state the first one follows again, in the last frame of the clip.

With ``K`` states ``e_0 .. e_{K-1}`` of a writer, the timeline is that of ``e_0 .. e_{K-1}, e_0``. Where the last of them was
placed in the last frame, the way back has no room; then the moments ``a_k`` of all become ``a_k (K - 1) / K``, which leaves it
one mean way. The attention that goes with it is `vstar_longvideo.loop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from vstar_longvideo.retimed import Retimed, RetimedOptions, anchors
from vstar_sdk import Brief, SpecError, State, Synopsis, SynopsisWriter


class CycleOptions(RetimedOptions):
    """Options of `Cycle`: who writes the story."""


class Cycle(Retimed):
    """Adds the first state at the end.

    Args:
        options: the validated options.
        of: who writes the story.
    """

    def __init__(self, options: CycleOptions, of: SynopsisWriter) -> None:
        super().__init__(of)

    def changed(self, synopsis: Synopsis, brief: Brief) -> Synopsis:
        """See `Retimed.changed`.

        Raises:
            SpecError: there is one state alone, or more than the frames have room for.
        """
        states = synopsis.states
        if len(states) < 2:
            raise SpecError("longvideo/cycle: a cycle needs at least two states", hint="add a state", path=("of",))
        if len(states) >= brief.frames:
            raise SpecError(
                f"longvideo/cycle: {len(states)} states and the first one repeated do not fit into {brief.frames} frames",
                hint=f"write at most {brief.frames - 1} states",
                path=("of",),
            )
        if states[-1].at is not None and (stands := anchors(synopsis, brief))[-1] == brief.frames - 1:
            states = tuple(replace(state, at=at) for state, at in zip(states, _squeezed(stands), strict=True))
        return replace(synopsis, states=(*states, State(states[0].caption)))


def _squeezed(stands: Sequence[float]) -> list[int]:
    """The moments of a story that leaves room for its way back.

    Raises:
        SpecError: two states would come into one frame.
    """
    moved = [round(at * (len(stands) - 1) / len(stands)) for at in stands]
    for number, (one, other) in enumerate(pairwise(moved), 1):
        if one >= other:
            raise SpecError(
                f"longvideo/cycle: with room for the way back, states {number} and {number + 1} would both be in frame {one}",
                hint="place the last state before the last frame, or make more frames",
                path=("of",),
            )
    return moved
