"""What a finisher is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage, Sound


class Finisher(Protocol):
    """Makes frames of frames, between the decoder and the exporters: of another size, number or rate, all known beforehand.

    The time of the clip may be stretched, never cut: its first frame comes of the first, its last of the last, and what lies
    between keeps its place in proportion. Captions on a contact sheet follow by that.
    """

    def plan(self, clip: Footage) -> Footage:
        """What comes out: another number of frames, size or rate. Called while a run is planned, so it loads nothing.

        Args:
            clip: what comes in.

        Raises:
            SpecError: such a clip cannot be finished; the message says what can.
            MissingDependency: a package that it needs is not installed.
        """
        ...

    def finish(self, frames: Iterator[NDArray[np.uint8]], clip: Footage) -> Iterable[NDArray[np.uint8]]:
        """Make the frames; usually a generator, which holds no more of them than it must.

        Args:
            frames: ``(height, width, 3)``, RGB, uint8, one by one, as many as ``clip`` says. Change none in place.
            clip: what comes in.

        Returns:
            As many frames as `plan` said, of the size that it said, each an array that stays as it is.
        """
        ...


@runtime_checkable
class SoundFinisher(Protocol):
    """A `Finisher` that brings the clip's sound has this method, too; a clip has one sound at the most."""

    def sound(self) -> Sound | None:
        """The sound, or None for none. Asked while a run is planned, and again by the run.

        Raises:
            SpecError: there is none to be had.
        """
        ...
