"""Longer, changing stories from open text-to-video models, without training.

The public names stand in ``__init__.pyi``; each is imported when it is first used::

    import vstar_sdk

    result = vstar_sdk.run({"prompt": "a landscape from winter to autumn", "frames": 64})
    for frame in result.frames():
        ...
"""

import lazy_loader  # pyright: ignore[reportMissingTypeStubs]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # pyright: ignore
__version__ = "0.1.0"
