"""Longer, changing stories from open text-to-video models, without training.

The public names stand in ``__init__.pyi``; each is imported when it is first used::

    import vstar_sdk

    result = vstar_sdk.run({"prompt": "a landscape from winter to autumn", "frames": 64})
    for frame in result.frames():
        ...
"""

from typing import Any

import lazy_loader  # pyright: ignore[reportMissingTypeStubs]

from vstar_sdk.deprecated import NAMES as _DEPRECATED
from vstar_sdk.deprecated import deprecated as _deprecated

_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # pyright: ignore
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    return _deprecated(name) if name in _DEPRECATED else _public(name)  # pyright: ignore
