"""One component of a pipeline directory, loaded whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from vstar_sdk.errors import ModelError, out_of_memory

T = TypeVar("T")


def load_component(kind: type[T], directory: Path, name: str, dtype: torch.dtype | None = None) -> T:
    """Load a model, or a tokenizer, from ``directory / name``.

    Nothing is downloaded, no pickle is read, and weights that are missing are not filled in at random.

    Args:
        kind: its class in diffusers or transformers.
        directory: of the pipeline.
        name: of the component's folder.
        dtype: precision of a model's weights; None for a component without weights.

    Raises:
        ModelError: a file is missing or damaged, or the weights do not match the configuration.
    """
    loader: Any = kind
    folder = directory / name
    if not folder.is_dir():
        raise ModelError(f"{directory}: the folder {name} is missing", hint="the model is not complete: fetch it again")
    again = "the file is missing or damaged: fetch the model again"
    try:
        if dtype is None:
            return loader.from_pretrained(folder, local_files_only=True)
        with _no_progress_bars():
            loaded, report = loader.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
    except Exception as error:  # the libraries raise OSError, ValueError, RuntimeError, SafetensorError and others for a bad file
        if out_of_memory(error):
            raise
        raise ModelError(f"{folder}: cannot be loaded: {error}", hint=again) from error
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        if report.get(fault):
            first = sorted(map(str, report[fault]))[0]
            raise ModelError(
                f"{folder}: the weights do not match config.json: {fault.replace('_', ' ')}, such as {first}", hint=again
            )
    return loaded


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Progress is reported by the run's events, not on the console."""
    with ExitStack() as restored:
        for library in (transformers_logging, diffusers_logging):
            if library.is_progress_bar_enabled():
                library.disable_progress_bar()
                restored.callback(library.enable_progress_bar)
        yield
