"""Frames on their way through a plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vstar_sdk.errors import VstarError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Source:
    """Frames on their way into a plugin; remembers an error that is not the plugin's.

    Args:
        frames: what comes before it.
    """

    def __init__(self, frames: Iterator[NDArray[np.uint8]]) -> None:
        self._frames = frames
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return self

    def __next__(self) -> NDArray[np.uint8]:
        try:
            return next(self._frames)
        except StopIteration:
            raise
        except BaseException as error:
            self.error = error
            if isinstance(error, VstarError):
                error.__dict__["_reported"] = True  # no part that it goes through is its origin
            raise
