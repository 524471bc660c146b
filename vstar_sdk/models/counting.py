"""Estimates that are counted once for a configuration and a workload, then remembered. No torch."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vstar_sdk.caches import remembered
from vstar_sdk.models.estimates import Estimate, Workload
from vstar_sdk.models.pipeline_options import PipelineOptions

_PACKAGES = ("vstar-sdk", "torch", "diffusers", "transformers")
"""What builds and runs the networks that are counted."""


def counted_once(
    files: Iterable[Path],
    workload: Workload,
    options: PipelineOptions,
    count: Callable[[], Estimate],
    *,
    weights: Path | None = None,
) -> Estimate:
    """What a model takes for a workload, counted on its networks by the first process that asks.

    Args:
        files: the configuration files that the count reads; their contents matter.
        workload: what will be asked for.
        options: the model's, of memory and speed.
        count: counts; imports torch and the networks' classes.
        weights: a folder whose weights the count looks into; their sizes and times of change matter.

    Raises:
        ModelError: from ``count``.
    """
    subject = {
        "files": [_content(file) for file in files],
        "weights": [_stamp(file) for file in sorted(weights.glob("*.safetensors"))] if weights is not None else [],
        "workload": dataclasses.asdict(workload),
        "options": options.model_dump(mode="json", include={"tiling", "decode_batch"}),
        "versions": {package: version(package) for package in _PACKAGES},
    }
    return Estimate(**remembered("plans", subject, lambda: dataclasses.asdict(count())))


def _content(file: Path) -> str | None:
    """The file's hash; None where it cannot be read, which the count will say."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


def _stamp(file: Path) -> list[Any]:
    found = file.stat()
    return [file.name, found.st_size, found.st_mtime_ns]
