"""Pictures that are uploaded: looked at before they are unpacked, and written anew, so that nothing else is in them."""

from __future__ import annotations

import io
import threading
import warnings

from vstar_sdk.service.limits import Limits
from vstar_sdk.service.refusals import Refusal

_one_by_one = threading.Lock()
"""A picture that is unpacked takes much memory."""

FORMATS = ("PNG", "JPEG", "WEBP")


def picture(content: bytes, limits: Limits) -> bytes:
    """An uploaded picture as a PNG of its own pixels; of an animation the first.

    Args:
        content: of the file.
        limits: of bytes and pixels.

    Raises:
        Refusal: it is none, or too large.
    """
    from PIL import Image, ImageOps

    if len(content) > limits.upload:
        raise _refused(413, f"the picture is larger than {limits.upload} bytes", "upload_too_large")
    try:
        with _one_by_one, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own bound comes next
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                width, height = opened.size
                if width * height > limits.upload_pixels:
                    raise _refused(413, f"{width}x{height} pixels are more than {limits.upload_pixels}", "upload_too_large")
                pixels = ImageOps.exif_transpose(opened)
                pixels = pixels.convert("RGBA" if pixels.has_transparency_data else "RGB")
    except Image.DecompressionBombError:
        raise _refused(413, f"it has more pixels than {limits.upload_pixels}", "upload_too_large") from None
    except (OSError, ValueError, SyntaxError):
        raise _refused(400, f"this is not a whole picture of {', '.join(FORMATS)}", "invalid_upload") from None
    written = io.BytesIO()
    pixels.save(written, format="PNG", compress_level=1)
    return written.getvalue()


def _refused(status: int, message: str, code: str) -> Refusal:
    return Refusal(status, f"input_reference: {message}", code=code, param="input_reference")
