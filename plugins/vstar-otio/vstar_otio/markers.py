"""The synopsis ``otio/markers``: key states from the markers of a timeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk import SpecError, State, Synopsis

if TYPE_CHECKING:
    from vstar_otio import MarkersOptions
    from vstar_sdk import Brief

ADAPTERS = {".otio": "otio_json", ".edl": "cmx_3600"}
"""What reads a file, by its suffix; named, since OpenTimelineIO would else look for adapters in the environment."""

MOST_BYTES = 16 << 20
"""Of the largest file."""


class Markers:
    """Reads the file anew for every run.

    Args:
        options: the validated options.
    """

    offline = True

    def __init__(self, options: MarkersOptions) -> None:
        self._options = options

    def write(self, brief: Brief) -> Synopsis:
        """A state for each marker, at its second.

        Raises:
            SpecError: the file cannot be read, or has no marker with a text.
        """
        from vstar_otio.timelines import captions_of

        path = (brief.folder or Path()).absolute() / Path(self._options.file).expanduser()
        found = list(captions_of(_read(path, brief.fps)))
        if not found:
            raise SpecError(
                f"{path} has no marker with a text",
                path=("file",),
                hint="give each marker a comment: it is the caption of a key state",
            )
        states = tuple(State(caption[:1000], f"{at:.6f}".rstrip("0").rstrip(".") + "s") for at, caption in found)
        return Synopsis(states=states, style=self._options.style, negative_prompt=None)

    def close(self) -> None:
        """Nothing to release."""


def _read(path: Path, fps: float) -> Any:
    """The timeline of a file.

    Raises:
        SpecError: there is none.
    """
    from vstar_otio.timelines import otio

    try:
        if path.suffix.lower() not in ADAPTERS:
            raise ValueError("its name ends neither in .otio nor in .edl")
        if not path.is_file():
            raise ValueError("there is no such file")
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES >> 20} MB")
        adapter = ADAPTERS[path.suffix.lower()]
        text = path.read_text(encoding="utf-8-sig")
        rate = {"rate": fps} if adapter == "cmx_3600" and otio.opentime.RationalTime.is_valid_timecode_rate(fps) else {}
        timeline: Any = otio.adapters.read_from_string(text, adapter, **rate)
        if isinstance(timeline, otio.schema.Timeline):
            return timeline
        raise ValueError(f"it holds a {type(timeline).__name__}, not a timeline")
    except (OSError, ValueError, KeyError, otio.exceptions.OTIOError) as error:
        raise SpecError(
            f"{path} cannot be read as a timeline: {error}", path=("file",), hint="export the timeline as OpenTimelineIO or EDL"
        ) from error
