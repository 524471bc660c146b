"""A check for finishers: a clip, finished twice, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from vstar_sdk.footage import Footage
from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.finishers import CONTRACT
from vstar_sdk.plugin.boundary.frames import Source
from vstar_sdk.testing.exporters import sample_clip, sample_frames

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vstar_sdk.finishers.contract import Finisher

FRAMES = 48
"""Frames of the clip: enough to tell a finisher that holds some of them from one that holds all."""


def check_finisher(make: Callable[[], Finisher], *, most_held: int = 16) -> Footage:
    """Finish a clip of random frames as a run does, twice.

    Args:
        make: gives a new finisher at every call, as a part's factory does.
        most_held: frames that it may draw beyond the share that it has given.

    Returns:
        What came out.

    Raises:
        PluginError: it gives other frames than it planned.
        AssertionError: it plans something else when it is asked again, changes frames or uses an array twice, is another each
            time, or holds too many frames.
    """
    clip = sample_clip(frames=FRAMES)
    footage = Footage(frames=FRAMES, width=clip.width, height=clip.height, fps=clip.fps, prompt=clip.prompt)
    frames = sample_frames(clip)
    kept = [frame.copy() for frame in frames]
    (planned, first), (other, again) = (_finish(make(), footage, frames, most_held) for _ in range(2))
    assert planned == other, f"another of its kind plans {other}, not {planned}"
    assert all((frame == was).all() for frame, was in zip(frames, kept, strict=True)), "it changes the frames that it is given"
    same = all((one == two).all() for one, two in zip(first, again, strict=True))
    assert same, "another of its kind makes other frames of the same ones"
    return planned


def _finish(
    finisher: Finisher, clip: Footage, frames: list[NDArray[np.uint8]], most: int
) -> tuple[Footage, list[NDArray[np.uint8]]]:
    part: Finisher = Call(Origin("the finisher under test"), "object").checked(
        lambda made, call: CONTRACT.contain(made, call.origin), finisher
    )
    planned = part.plan(clip)
    assert part.plan(clip) == planned, "asked again, it plans something else"
    drawn = 0

    def draw() -> Iterator[NDArray[np.uint8]]:
        nonlocal drawn
        for frame in frames:
            drawn += 1
            yield frame

    made: list[NDArray[np.uint8]] = []
    copies: list[NDArray[np.uint8]] = []
    for number, frame in enumerate(part.finish(Source(draw()), clip), 1):
        held = drawn - number * clip.frames / planned.frames
        assert held <= most, f"at frame {number} it has drawn {drawn} of {clip.frames}: give frames as they come"
        made.append(frame)
        copies.append(frame.copy())
    assert all((frame == was).all() for frame, was in zip(made, copies, strict=True)), "a frame changes after it was given"
    return planned, copies
