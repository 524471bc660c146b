"""What the metrics of the embedded world share: the story that a clip should tell, and its frames at the world's size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstar_sdk.errors import SpecError
from vstar_sdk.miniworld.reader import Reading, read

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage

_SIDE = 64
"""Pixels of a side of the world's pictures."""


def story_of(clip: Footage) -> Reading:
    """What a clip should show, as its prompt says.

    Raises:
        SpecError: the clip is too short or of another size, or its prompt tells nothing of the embedded world.
    """
    if clip.frames < 3:
        raise SpecError(f"a story cannot be judged on {clip.frames} frames: it needs 3", hint="judge a longer clip")
    if clip.width != clip.height or clip.width % _SIDE:
        raise SpecError(
            f"the embedded world's judge reads squares of {_SIDE} pixels or a multiple, not {clip.width}x{clip.height}",
            hint="judge clips of miniworld, as they are or enlarged by a whole factor",
        )
    try:
        return read(clip.prompt)
    except SpecError as error:
        raise SpecError(f"the embedded world's judge reads the story in the prompt: {error.message}", hint=error.hint) from None


def at_its_size(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of a frame, ``(64, 64, 3)``, by the mean of areas."""
    import numpy as np
    from PIL import Image

    times = frame.shape[0] // _SIDE
    return np.asarray(Image.fromarray(frame).reduce(times)) if times > 1 else frame.copy()
