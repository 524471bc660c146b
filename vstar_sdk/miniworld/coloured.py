"""``miniworld-colour`` among the metrics: whether the subject has the colour that the prompt says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.reader import Reading
from vstar_sdk.miniworld.watched import at_its_size, story_of
from vstar_sdk.options import Options
from vstar_sdk.parts import Register, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage


class Coloured:
    """``colour``: 1 where the subject has the colour of the prompt, else 0.

    Each frame's histogram of 216 colours is compared with those of 1,600 renders of the scene, by the inner product of their
    square roots; the colour word of most of the seven nearest, over all frames, is the one shown. It needs 3 frames, squares of
    64 pixels or a multiple, and a prompt of the embedded world with a colour. It holds the frames at 64 pixels.
    """

    numbers = ("colour",)

    _reading: Reading

    def __init__(self, options: Options) -> None:
        self._frames: list[NDArray[np.uint8]] = []

    def begin(self, clip: Footage) -> None:
        """Begin a clip.

        Raises:
            SpecError: it is too short, of another size, or its prompt names no colour of a subject of the embedded world.
        """
        self._reading, self._frames = story_of(clip), []
        if not self._reading.colour:
            raise SpecError(f"{clip.prompt.strip()!r} names no colour, so none can be judged", hint="remove it")

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Keep a frame."""
        self._frames.append(at_its_size(frame))

    def result(self) -> Mapping[str, float]:
        """Whether it is the right one."""
        import numpy as np

        from vstar_sdk.miniworld.colouring import colour_shown

        return {"colour": float(colour_shown(np.stack(self._frames), self._reading.family) == self._reading.colour)}


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer ``miniworld-colour``."""
    summary = "Whether the subject has the colour of the prompt, by the embedded world's renders: 1 if so."
    register("miniworld-colour", options=Options, factory=Coloured, summary=summary)
