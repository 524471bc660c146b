"""Pictures and videos that are uploaded: looked at before they are promised anything.

A picture is written anew, so that nothing else is in it. A video is decoded once, within limits, and kept as it is.
"""

from __future__ import annotations

import io
import tempfile
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.videos import look_at_video
from vstar_sdk.service.limits import Limits
from vstar_sdk.service.refusals import Refusal
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.overrides import with_value

REFERENCE = "input_reference"
"""The upload of ``/v1/videos``: what the video begins with, a picture or a video."""

PICTURES, CLIPS = ("first", "last"), ("clip", "into")
"""Keys of ``start`` that name a picture, and those that name a video."""
KEYS = (*PICTURES, *CLIPS)
Key = Literal["first", "last", "clip", "into"]

FORMATS = ("PNG", "JPEG", "WEBP")
_OTHER = {"first": "clip", "last": "into", "clip": "first", "into": "last"}
_ENDS = {b"\x1a\x45\xdf\xa3": ".mkv", b"GIF8": ".gif", b"ftyp": ".mp4", b"moov": ".mp4", b"wide": ".mp4", b"mdat": ".mp4"}
"""The ends that names of videos get, by the bytes 0 to 3 or 4 to 7 of these."""

_one_by_one = threading.Lock()
"""What is unpacked takes much memory."""


def begun_with(document: Document, uploads: Mapping[str, bytes], limits: Limits) -> tuple[Document, dict[str, bytes]]:
    """A spec whose video begins or ends with what was uploaded.

    Args:
        document: the spec.
        uploads: by `KEYS` or `REFERENCE`.
        limits: of each.

    Returns:
        The spec with their names in its section ``start``, and what these files hold.

    Raises:
        Refusal: one cannot be used.
        SpecError: the spec has a ``start`` that is no section.
    """
    files: dict[str, bytes] = {}
    for name, content in uploads.items():
        if len(content) > limits.upload:
            raise _refused(name, 413, f"the file is larger than {limits.upload} bytes", "upload_too_large")
        end = _end_of_video(content)
        key = name if name != REFERENCE else "first" if end is None else "clip"
        if (key in CLIPS) is (end is None):
            takes, sent = ("a video", "none") if end is None else ("a picture", "a video")
            raise _refused(name, 400, f"{key} takes {takes}, and this is {sent}", "invalid_upload", f"send it as {_OTHER[key]}")
        file = f"{key}{end or '.png'}"
        files[file] = picture(content, limits, name) if end is None else video(content, end, limits, name)
        document = with_value(document, ("start", key), file, f"start.{key}")
    return document, files


def uploaded(folder: Path, key: Key) -> Path | None:
    """The file that a job was given as one of `KEYS`; None where it was not.

    Args:
        folder: of the job.
        key: one of `KEYS`.
    """
    return next((path for end in (".png", *_ENDS.values()) if (path := folder / f"{key}{end}").is_file()), None)


def picture(content: bytes, limits: Limits, name: str = REFERENCE) -> bytes:
    """An uploaded picture as a PNG of its own pixels; of an animation the first.

    Args:
        content: of the file.
        limits: of pixels.
        name: of the upload.

    Raises:
        Refusal: it is none, or too large.
    """
    from PIL import Image, ImageOps

    try:
        with _one_by_one, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own bound comes next
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                width, height = opened.size
                if width * height > limits.upload_pixels:
                    message = f"{width}x{height} pixels are more than {limits.upload_pixels}"
                    raise _refused(name, 413, message, "upload_too_large")
                pixels = ImageOps.exif_transpose(opened)
                pixels = pixels.convert("RGBA" if pixels.has_transparency_data else "RGB")
    except Image.DecompressionBombError:
        raise _refused(name, 413, f"it has more pixels than {limits.upload_pixels}", "upload_too_large") from None
    except (OSError, ValueError, SyntaxError):
        message = f"this is not a whole picture of {', '.join(FORMATS)}, and no video"
        raise _refused(name, 400, message, "invalid_upload") from None
    written = io.BytesIO()
    pixels.save(written, format="PNG", compress_level=1)
    return written.getvalue()


def video(content: bytes, end: str, limits: Limits, name: str = REFERENCE) -> bytes:
    """An uploaded video as it is, once all its frames were decoded.

    Args:
        content: of the file.
        end: of its name, one of those that `vstar_sdk.reading.videos` reads.
        limits: of pixels and frames.
        name: of the upload.

    Raises:
        Refusal: it is damaged, or too large or too long.
    """
    most = limits.upload_frames
    with _one_by_one, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"video{end}"
        path.write_bytes(content)
        try:
            found = look_at_video(path, most + 1, limits.upload_pixels)
        except SpecError as error:
            raise _refused(name, 400, error.message.replace(f" {path}", ""), "invalid_upload", error.hint) from None
    if found.frames > most:
        hint = "cut it to the frames that are used"
        raise _refused(name, 413, f"the video has more frames than {most}", "upload_too_large", hint)
    return content


def _end_of_video(content: bytes) -> str | None:
    """The end of the name of a video by its first bytes; None for what may be a picture."""
    return _ENDS.get(content[:4]) or _ENDS.get(content[4:8])


def _refused(name: str, status: int, message: str, code: str, hint: str | None = None) -> Refusal:
    return Refusal(status, f"{name}: {message}", code=code, param=name, hint=hint)
