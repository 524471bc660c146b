"""What the function of a `Wrap` may know of the call of the denoiser that it stands in. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from vstar_sdk.attention.moment import Moment
from vstar_sdk.errors import SamplerError


@dataclass(frozen=True)
class CallLayout:
    """How the videos and positions of one call of a denoiser lie.

    Attributes:
        branches: asked when it is needed: for each video, whether the prompt conditions it.
        height: of the latents.
        width: of the latents.
        names: for each video, the branch of the guidance that it is, where some are nursed in another way than others.
    """

    branches: Callable[[], tuple[bool, ...]]
    height: int
    width: int
    names: tuple[str, ...] = ()

    def of(self, videos: slice) -> CallLayout:
        """The layout of some of the videos."""
        return CallLayout(lambda: self.branches()[videos], self.height, self.width, self.names[videos])


@dataclass
class Current:
    """The moment and the layout of the call under way; one for all sites of a nursing, which changes it."""

    moment: Moment = field(default_factory=lambda: Moment(0, 1))
    layout: CallLayout | None = None

    def prompted(self, videos: int) -> tuple[bool, ...]:
        """For each of so many videos of the call, whether the prompt conditions it; all of them, where nobody has said it."""
        return self.layout.branches() if self.layout is not None else (True,) * videos


class Call:
    """The call of the denoiser that the function of a `Wrap` stands in. What it does not read costs nothing.

    At a factorised site a batch of queries holds the positions of every video in turn, row by row of the picture:
    ``query.unflatten(0, (len(call.branches), call.height, call.width))``. At a joint one it holds the videos, and its tokens are
    ``query.unflatten(2, (-1, call.height, call.width))``.

    Args:
        positions: of all videos together.
        current: the nursing's.
    """

    def __init__(self, positions: int, current: Current) -> None:
        self._positions, self._current = positions, current

    @property
    def moment(self) -> Moment:
        """The step. A function that reads it is compiled again for every step, where a model is compiled."""
        return self._current.moment

    @property
    def branches(self) -> tuple[bool, ...]:
        """For each video of the call, whether the prompt conditions it: ``(False, True)`` for guidance in one batch."""
        return self._layout.branches()

    @property
    def height(self) -> int:
        """Of the picture at the site, in positions."""
        return self._size[0]

    @property
    def width(self) -> int:
        """Of the picture at the site, in positions."""
        return self._size[1]

    @property
    def _layout(self) -> CallLayout:
        layout = self._current.layout
        if layout is None:
            raise SamplerError(
                "a wrap reads the layout of a call, which was not set",
                hint="set it before every call of the denoiser: nursing.call(branches, height, width)",
            )
        return layout

    @property
    def _size(self) -> tuple[int, int]:
        """The picture of the latents, halved as often as the network has done it."""
        layout, videos = self._layout, len(self.branches)
        height, width = layout.height, layout.width
        while height * width * videos > self._positions and height * width > 1:
            height, width = -(-height // 2), -(-width // 2)
        if height * width * videos != self._positions:
            raise SamplerError(
                f"{self._positions} positions do not match {videos} videos with latents of {layout.height} x {layout.width}"
            )
        return height, width
