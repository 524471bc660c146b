"""The manifest: what a run was made with, so that it can be understood and repeated."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vstar_sdk.footage import Footage, Sound
from vstar_sdk.reading.discreet import discreet

_PACKAGES = ("vstar-sdk", "torch", "diffusers", "transformers", "numpy", "av", "pillow")


def manifest(
    *,
    run: str,
    parent: str | None,
    start: Sequence[Mapping[str, Any]],
    seed: int,
    clip: Footage,
    sound: Sound | None,
    frames_sha256: str | None,
    synopsis: Mapping[str, Any],
    model: Mapping[str, Any],
    plugins: Sequence[Mapping[str, Any]],
    regularizers: Sequence[str],
    seconds: Mapping[str, float],
    warnings: Sequence[str],
    metrics: Mapping[str, float],
    expect: Sequence[Mapping[str, Any]],
    defaults: Sequence[str],
    written: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest of a run.

    Args:
        run: its id.
        parent: the id of the run that it keeps frames of, if it does.
        start: the pictures and clips that it begins and ends with; see `vstar_sdk.runs.beginning.Beginning.record`.
        seed: its seed.
        clip: what was written: number, size and rate of the frames.
        sound: that goes with them, if any.
        frames_sha256: of the bytes of all frames; None where none was decoded.
        synopsis: who wrote the key states, and from which template; see `synopsis_record`.
        model: name, device, precision and weight hashes.
        plugins: those that took part, in order; see `vstar_sdk.runs.participants`.
        regularizers: what they do at which level, line by line.
        seconds: time spent in each stage, before and between them, and in total.
        warnings: what the user should know; see `told`.
        metrics: what was measured on the frames.
        expect: what the spec expected of it, and what came of that.
        defaults: keys of the spec that come from the user's own defaults.
        written: files and folders; see `vstar_sdk.runs.directory.RunDirectory.entries`.
    """
    return {
        "run": run,
        "parent": parent,
        "start": [dict(shot) for shot in start],
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "clip": clip.json(),
        "sound": sound.json() if sound is not None else None,
        "frames_sha256": frames_sha256,
        "synopsis": dict(synopsis),
        "model": dict(model),
        "plugins": [dict(plugin) for plugin in plugins],
        "attention": list(regularizers),
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "warnings": told(warnings),
        "metrics": dict(metrics),
        "expect": [dict(one) for one in expect],
        "from_config": list(defaults),
        **written,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def told(warnings: Sequence[str]) -> list[str]:
    """Warnings as a manifest has them: without what they would give away of the machine and its user."""
    return [discreet(one) for one in warnings]


def synopsis_record(use: str, transcript: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Who wrote the key states of a run.

    Args:
        use: the synopsis part.
        transcript: what was said to a language model, if one was asked.

    Returns:
        ``use``; ``template`` (name, version and SHA-256) and ``model``, as the last exchange names them, or None.
    """
    last: Mapping[str, Any] = transcript[-1] if transcript else {}
    return {"use": use, "template": last.get("template"), "model": last.get("model")}
