"""What a video file says about itself: the prompt, and the spec that makes it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.files import is_empty

if TYPE_CHECKING:
    from vstar_sdk.output.contract import Clip

SPEC_KEY = "vstar_spec"
"""The metadata key that holds the resolved spec."""


def metadata_of(clip: Clip) -> dict[str, str]:
    """A one-line ``title`` for a window's bar, the whole prompt as ``comment``, and the spec."""
    line = " ".join(clip.prompt.split())
    return {"title": line if len(line) <= 100 else line[:99].rstrip() + "…", "comment": clip.prompt, SPEC_KEY: clip.spec}


def read_spec(path: Path | str) -> str | None:
    """The resolved spec that made a video, as YAML text.

    Args:
        path: a video that the ``mp4`` exporter wrote.

    Returns:
        The text, or None when the file keeps none (``metadata: false``, or a video from elsewhere).

    Raises:
        SpecError: the file cannot be read, or is not an MP4 video.
    """
    import av
    from av.error import FFmpegError

    try:
        # An open file and a fixed format, because FFmpeg would follow a name that is a URL, and a playlist to other files.
        with open(path, "rb") as file, av.open(file, format="mp4", metadata_errors="replace") as container:
            return container.metadata.get(SPEC_KEY)
    except (FFmpegError, OSError) as error:
        empty = is_empty(Path(path))
        if empty or isinstance(error, FFmpegError):
            why = "the file is empty" if empty else f"not an MP4 video ({error.strerror})"
            raise SpecError(f"{path}: {why}", hint="use a video that vstar wrote, or a spec") from error
        raise SpecError(f"{path}: {error.strerror}", hint="check the path") from error
