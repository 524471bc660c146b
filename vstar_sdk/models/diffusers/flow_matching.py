"""The schedule of models trained by flow matching, in words that all schedulers read. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOVED_BY_SIZE = ("use_dynamic_shifting", "time_shift_type", "base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len")


def flow_config(config: Mapping[str, Any], shift: float | None) -> dict[str, Any]:
    """The configuration of a flow-matching scheduler.

    A directory's file is written for one class: UniPC says ``flow_shift`` what Euler says as ``shift``, and holds the betas of a
    diffusion that this model never saw. Where ``use_dynamic_shifting`` is on, the shift grows with the clip
    (`vstar_sdk.sampling.schedulers.timesteps_of`).

    Args:
        config: ``scheduler_config.json``.
        shift: in the place of the directory's own, and of one that grows with the clip.
    """
    written: dict[str, Any] = {
        "num_train_timesteps": config.get("num_train_timesteps", 1000),
        "prediction_type": "flow_prediction",
        "use_flow_sigmas": True,
    }
    if config.get("shift_terminal"):
        written["shift_terminal"] = config["shift_terminal"]
    if config.get("use_dynamic_shifting") and shift is None:
        return written | {key: config[key] for key in _MOVED_BY_SIZE if key in config}
    chosen = config.get("flow_shift", config.get("shift", 1.0)) if shift is None else shift
    return written | {"flow_shift": chosen, "shift": chosen}
