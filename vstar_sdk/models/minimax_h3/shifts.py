"""How much of the schedules of MiniMax-H3 goes to their noisy part. No torch."""

from __future__ import annotations

from pathlib import Path

from vstar_sdk.weights.directory import read_config

SHIFTS = (12.0, 3.0)
"""Of video and sound, where a model does not say it."""


def shift_of(directory: Path, folder: str, own: float) -> float:
    """How much of a schedule goes to its noisy part.

    Args:
        directory: of the model.
        folder: of the schedule.
        own: where there is no such folder.
    """
    if not (directory / folder).exists():
        return own
    return float(read_config(directory, f"{folder}/scheduler_config.json").get("shift", own))
