"""The manifest: what a run was made with, so that it can be understood and repeated."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vstar_sdk.footage import Footage, Sound

_PACKAGES = ("vstar-sdk", "torch", "diffusers", "transformers", "numpy", "av", "pillow")


def manifest(
    *,
    run: str,
    parent: str | None,
    seed: int,
    clip: Footage,
    sound: Sound | None,
    model: Mapping[str, Any],
    plugins: Sequence[Mapping[str, Any]],
    regularizers: Sequence[str],
    seconds: Mapping[str, float],
    warnings: Sequence[str],
    metrics: Mapping[str, float],
    defaults: Sequence[str],
    written: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest of a run.

    Args:
        run: its id.
        parent: the id of the run that it keeps frames of, if it does.
        seed: its seed.
        clip: what was written: number, size and rate of the frames.
        sound: that goes with them, if any.
        model: name, device, precision and weight hashes.
        plugins: those that took part, in order; see `vstar_sdk.runs.participants`.
        regularizers: what they do at which level, line by line.
        seconds: time spent in each stage, before and between them, and in total.
        warnings: what the user should know.
        metrics: what was measured on the frames.
        defaults: keys of the spec that come from the user's own defaults.
        written: files and folders; see `vstar_sdk.runs.directory.RunDirectory.entries`.
    """
    return {
        "run": run,
        "parent": parent,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "clip": clip.json(),
        "sound": sound.json() if sound is not None else None,
        "model": dict(model),
        "plugins": [dict(plugin) for plugin in plugins],
        "attention": list(regularizers),
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "warnings": list(warnings),
        "metrics": dict(metrics),
        "from_config": list(defaults),
        **written,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
