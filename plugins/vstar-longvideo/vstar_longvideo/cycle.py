"""A story that comes round (ours): after its last state the first one follows again, in the last frame of the clip.

With ``K`` states ``e_0 .. e_{K-1}`` of a writer, the timeline is that of ``e_0 .. e_{K-1}, e_0``. The attention that goes with it
is `vstar_longvideo.loop`.
"""

from __future__ import annotations

from dataclasses import replace

from vstar_longvideo.told import Told, ToldOptions
from vstar_sdk import Brief, SpecError, State, Synopsis, SynopsisWriter


class CycleOptions(ToldOptions):
    """Options of `Cycle`: who writes the story."""


class Cycle(Told):
    """Adds the first state at the end.

    Args:
        options: the validated options.
        of: who writes the story.
    """

    def __init__(self, options: CycleOptions, of: SynopsisWriter) -> None:
        super().__init__(of)

    def changed(self, synopsis: Synopsis, brief: Brief) -> Synopsis:
        """See `Told.changed`.

        Raises:
            SpecError: there is one state alone, or more than the frames have room for.
        """
        states = synopsis.states
        if len(states) < 2:
            raise SpecError("longvideo/cycle: a story of one state has no way round", hint="write at least two", path=("of",))
        if len(states) >= brief.frames:
            raise SpecError(
                f"longvideo/cycle: {len(states)} states and the first one again do not fit into {brief.frames} frames",
                hint=f"write at most {brief.frames - 1} states",
                path=("of",),
            )
        return replace(synopsis, states=(*states, State(states[0].caption)))
