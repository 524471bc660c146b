"""The modules of ComfyUI, which are there only while it runs: nothing else of this package imports them."""

from __future__ import annotations

import importlib
from typing import Any


def _module(name: str) -> Any:
    return importlib.import_module(name)


latest: Any = _module("comfy_api.latest")
io: Any = latest.io
ui: Any = latest.ui


def check_interrupted() -> None:
    """Raise ComfyUI's own exception where its user has asked to stop."""
    _module("comfy.model_management").throw_exception_if_processing_interrupted()


def progress_bar(total: int) -> Any:
    """The bar of the node that is executed: ``update_absolute(value, total, preview)``."""
    return _module("comfy.utils").ProgressBar(total)


def folders() -> Any:
    """Where ComfyUI keeps models, and reads and writes files."""
    return _module("folder_paths")


def metadata_wanted() -> bool:
    """Whether files may say how they were made (``--disable-metadata`` is not given)."""
    return not _module("comfy.cli_args").args.disable_metadata
