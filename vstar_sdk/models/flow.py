"""The configuration of flow-matching schedulers. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flow_config(config: Mapping[str, Any], shift: float | None) -> dict[str, Any]:
    """The configuration of a flow-matching scheduler, in words that all of them read.

    A directory's file is written for one class: UniPC says ``flow_shift`` what Euler says as ``shift``, and holds the betas of a
    diffusion that this model never saw.

    Args:
        config: ``scheduler_config.json``.
        shift: in the place of the directory's own.
    """
    own = config.get("flow_shift", config.get("shift", 1.0))
    chosen = own if shift is None else shift
    return {
        "num_train_timesteps": config.get("num_train_timesteps", 1000),
        "prediction_type": "flow_prediction",
        "use_flow_sigmas": True,
        "flow_shift": chosen,
        "shift": chosen,
    }
