"""Between a clip with its key states and a timeline of OpenTimelineIO."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vstar_sdk import Clip

otio: Any = importlib.import_module("opentimelineio")
"""Without types: the package has none."""


def timeline_of(clip: Clip, video: str, name: str) -> Any:
    """The timeline of a clip: one item for the frames that each key state rules, with a marker at its anchor.

    Args:
        clip: of a run.
        video: what the items name as their media.
        name: of the timeline.
    """

    def time(frame: int) -> Any:
        return otio.opentime.RationalTime(frame, clip.fps)

    whole = otio.opentime.TimeRange(time(0), time(clip.frames))
    track = otio.schema.Track(name="V1", kind=otio.schema.TrackKind.Video)
    told = zip(clip.synopsis.states, clip.timeline.anchors, clip.timeline.spans(), strict=True)
    for state, anchor, (first, last) in told:
        item = otio.schema.Clip(
            name=video,
            media_reference=otio.schema.ExternalReference(target_url=video, available_range=whole),
            source_range=otio.opentime.TimeRange(time(first), time(last - first + 1)),
        )
        item.markers.append(
            otio.schema.Marker(
                name=state.caption,
                marked_range=otio.opentime.TimeRange(time(anchor), time(1)),
                color=otio.schema.MarkerColor.GREEN,
            )
        )
        track.append(item)
    timeline = otio.schema.Timeline(name=name)
    timeline.tracks.append(track)
    return timeline


def captions_of(timeline: Any) -> Iterator[tuple[float, str]]:
    """Every marker with a text: the seconds since the timeline begins, and the caption; in order of time.

    A marker's text is its comment or, without one, its name. Locators of an EDL have capital letters only: these become small.
    """
    found = [(_seconds(item, marker, timeline), _text(marker)) for item in _items(timeline) for marker in item.markers]
    return iter(sorted((at, text) for at, text in found if text))


def _items(timeline: Any) -> Iterator[Any]:
    """All that can carry markers: the timeline itself, its tracks, and what lies on them."""
    yield timeline.tracks
    yield from timeline.tracks.find_children(descended_from_type=otio.core.Item)


def _seconds(item: Any, marker: Any, timeline: Any) -> float:
    time = marker.marked_range.start_time
    if item is not timeline.tracks:
        time = item.transformed_time(time, timeline.tracks)
    return time.to_seconds()


def _text(marker: Any) -> str:
    text = str(marker.comment or marker.name or "").strip()
    return text.lower() if text.isupper() else text
