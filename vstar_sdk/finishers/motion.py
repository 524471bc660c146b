"""Frames between frames by FFmpeg's motion-compensated interpolation (its filter ``minterpolate``), through PyAV."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph, filters_available

from vstar_sdk.errors import MissingDependency, SpecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vstar_sdk.footage import Footage

    Frames = Iterator[NDArray[np.uint8]]

_FORMAT = "yuva444p"
"""The filter knows no RGB, finds motion in the first plane, and moves all planes alike. So brightness is put into the first, and
red, green and blue into the other three: what comes out has passed no other colour space."""

_BRIGHTNESS = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue (BT.709)."""

_SMALLEST = 16
"""Pixels of a side below which the filter refuses to work."""

_SMALL = 256
"""Pixels of the shorter side below which blocks of 8 pixels, not of 16, are moved."""

_AHEAD = 3
"""How often the last frame is shown once more: the filter looks ahead, and would not make what is before it otherwise."""


def check(clip: Footage) -> None:
    """Find out beforehand whether motion can be found.

    Raises:
        SpecError: the pictures are too small.
        MissingDependency: the FFmpeg of the installed PyAV lacks the filter.
    """
    if min(clip.width, clip.height) < _SMALLEST:
        raise SpecError(
            f"method motion needs pictures of at least {_SMALLEST}x{_SMALLEST} pixels, not in {clip.width}x{clip.height}",
            hint="use method: blend, or put upscale before it",
            path=("method",),
        )
    if "minterpolate" not in filters_available:
        raise MissingDependency(
            f"interpolate: the FFmpeg of the installed PyAV {av.__version__} has no filter minterpolate for motion compensation",
            hint="pip install --only-binary av --force-reinstall av, or write method: blend",
        )


def moved(frames: Frames, factor: int, clip: Footage) -> Frames:
    """The frames with ``factor - 1`` more between any two, in which everything is where its motion has brought it by then.

    Motion is estimated in blocks to both sides, and blocks overlap where they are put. Across a cut nothing is moved. The given
    frames come out as they are. About four frames are held.

    Args:
        frames: ``(height, width, 3)``, RGB, uint8.
        factor: from 2.
        clip: what comes in; see `check`.
    """
    graph, given = _graph(clip, factor), deque[Any]()
    wanted = 0
    for number, frame in enumerate(_held(frames, given)):
        graph.push(_picture(frame, number))
        for made in _made(graph):
            if wanted % factor == 0 and given:
                yield given.popleft()
            elif given:
                yield made
            wanted += 1


def _held(frames: Frames, given: deque[Any]) -> Frames:
    """The frames, kept for their turn, and the last one some times more."""
    last = deque[Any](maxlen=1)
    for frame in frames:
        given.append(frame)
        last.append(frame)
        yield frame
    for _ in range(_AHEAD):
        yield from last


def _graph(clip: Footage, factor: int) -> Any:
    """The filter; time is counted in frames."""
    graph: Any = Graph()
    block = 8 if min(clip.width, clip.height) < _SMALL else 16
    how = f"fps={factor}:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:mb_size={block}"
    source = graph.add_buffer(width=clip.width, height=clip.height, format=_FORMAT, time_base=Fraction(1))
    filters = [source, graph.add("minterpolate", how), graph.add("buffersink")]
    for one, after in pairwise(filters):
        one.link_to(after)
    graph.configure()
    return graph


def _picture(frame: NDArray[np.uint8], number: int) -> Any:
    height, width, _ = frame.shape
    picture: Any = av.VideoFrame(width, height, _FORMAT)
    brightness = np.rint(frame @ np.array(_BRIGHTNESS))
    for plane, values in zip(_planes(picture), (brightness, *np.moveaxis(frame, -1, 0)), strict=True):
        plane[:] = values
    picture.pts, picture.time_base = number, Fraction(1)
    return picture


def _planes(picture: Any) -> list[NDArray[np.uint8]]:
    """Views of a picture's planes, ``(height, width)``; the memory of a line may be longer."""
    return [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width] for plane in picture.planes
    ]


def _made(graph: Any) -> Frames:
    """What the filter has ready."""
    while True:
        try:
            picture = graph.pull()
        except (NothingYet, NothingMore):
            return
        yield np.stack(_planes(picture)[1:], axis=-1)
