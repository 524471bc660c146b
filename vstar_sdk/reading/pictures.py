"""Pictures that somebody else gives: read within bounds of bytes and pixels, upright, as RGB. No torch."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.files import read_bounded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_BYTES = 64 << 20
"""Of the largest file."""
MOST_PIXELS = 50_000_000
"""Of the largest picture: more than a camera of 48 megapixels gives."""

_FORMATS = ("PNG", "JPEG", "WEBP")
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr")
_HINT = "use a PNG, JPEG or WebP picture"


@dataclass(frozen=True)
class Picture:
    """A picture file that was found to be one.

    Attributes:
        path: of the file.
        width: in pixels, upright.
        height: likewise.
        turned: whether the file says that it must be turned or mirrored to be upright (EXIF).
        sha256: of its bytes.
    """

    path: Path
    width: int
    height: int
    turned: bool
    sha256: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    def read(self) -> NDArray[np.uint8]:
        """Its pixels, see `read_picture`.

        Raises:
            SpecError: it is not the file any more that it was.
        """
        picture, pixels = read_picture(self.path)
        if picture.sha256 != self.sha256:
            raise SpecError(f"{printable(str(self.path))} was changed after the run was planned", hint="plan it again")
        return pixels


def read_picture(path: Path) -> tuple[Picture, NDArray[np.uint8]]:
    """Read a picture.

    Args:
        path: of a PNG, JPEG or WebP file.

    Returns:
        What is known of it, and its pixels ``(height, width, 3)``, RGB, uint8, turned upright.

    Raises:
        SpecError: it is missing, larger than `MOST_BYTES` or `MOST_PIXELS`, damaged, animated, transparent, or of another format.
    """
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    shown = f"the picture {printable(str(path))}"
    try:
        content = read_bounded(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        hint = "check the path: a relative one begins at the spec's folder" if isinstance(error, FileNotFoundError) else _HINT
        raise SpecError(f"{shown} cannot be read: {why}", hint=hint) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the bound here is lower
            with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
                _check(opened, shown)
                upright = ImageOps.exif_transpose(opened)
                turned = bool(opened.getexif().get(0x0112, 1) != 1)
                pixels = np.asarray(_opaque(upright, shown).convert("RGB"))
    except UnidentifiedImageError:
        raise SpecError(f"{shown} has a format that is not read", hint=_HINT) from None
    except SpecError:
        raise
    except Exception as error:  # damaged files make Pillow raise errors of many kinds
        raise SpecError(f"{shown} is damaged: {error}", hint="is it whole?") from None
    height, width, _ = pixels.shape
    return Picture(path, width, height, turned, hashlib.sha256(content).hexdigest()), pixels


def _check(opened: Any, shown: str) -> None:
    """Refuse a picture by what its header says, before a pixel is decoded."""
    width, height = opened.size
    if width * height > MOST_PIXELS:
        raise SpecError(
            f"{shown} has {width}x{height} pixels: at most {MOST_PIXELS // 1_000_000} million are read", hint="make it smaller"
        )
    if getattr(opened, "n_frames", 1) > 1:
        raise SpecError(f"{shown} is animated: {opened.n_frames} frames", hint="save one frame of it")
    if opened.mode not in _MODES:
        raise SpecError(f"{shown} has colours of the kind {opened.mode}, not RGB or grey of 8 bits", hint="convert it to RGB")


def _opaque(picture: Any, shown: str) -> Any:
    """A picture without transparency; where nothing shows through, its alpha is left out."""
    if not picture.has_transparency_data:
        return picture
    whole = picture.convert("RGBA")
    if whole.getextrema()[3][0] < 255:
        raise SpecError(f"{shown} is transparent in places", hint="lay it on a background first")
    return whole
