"""Key states in video editors: the exporters ``otio/timeline`` and ``otio/edl``, and the synopsis ``otio/markers``.

This module is imported to validate a spec, so OpenTimelineIO is not imported here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from vstar_sdk import ArtifactOptions, Options, Register, hookimpl
from vstar_sdk.options import LocalFile


class TimelineOptions(ArtifactOptions):
    """An OpenTimelineIO file: the video, cut where the state that rules changes, with a marker at each key state."""

    suffix: ClassVar[str] = ".otio"

    path: str = "story.otio"
    """Name of the file inside the run directory."""
    video: str = Field(default="video.mp4", min_length=1, max_length=1000)
    """What the timeline names as its media: the video of the same run, a path relative to the file."""


class EdlOptions(ArtifactOptions):
    """The same as an edit decision list (CMX 3600), for editors that do not read OpenTimelineIO."""

    suffix: ClassVar[str] = ".edl"

    path: str = "story.edl"
    """Name of the file inside the run directory."""
    video: str = Field(default="video.mp4", min_length=1, max_length=1000)
    """The clip name of the events."""


class MarkersOptions(Options):
    """The markers of an editor's timeline as key states: a marker's text is the caption, its place the anchor."""

    file: Annotated[str, LocalFile()] = Field(examples=["story.otio"])
    """An `.otio` or `.edl` file; a relative path begins at the spec's folder."""
    style: str = Field(default="", max_length=1000)
    """Words added to every caption."""


@hookimpl
def register_exporters(register: Register) -> None:
    """Offer ``otio/timeline`` and ``otio/edl``."""
    register(
        "timeline",
        options=TimelineOptions,
        factory="vstar_otio.exporters:Timeline",
        summary="An OpenTimelineIO file with a cut and a marker for each key state.",
    )
    register(
        "edl",
        options=EdlOptions,
        factory="vstar_otio.exporters:Edl",
        summary="An edit decision list with an event and a marker for each key state.",
    )


@hookimpl
def register_synopses(register: Register) -> None:
    """Offer ``otio/markers``."""
    register(
        "markers",
        options=MarkersOptions,
        factory="vstar_otio.markers:Markers",
        summary="Key states from the markers of an editor's timeline.",
    )
