"""What ``device: auto`` and ``dtype: auto`` come to on this machine."""

from __future__ import annotations

import torch

from vstar_sdk.errors import ModelError


def resolve_device(device: str) -> str:
    """``auto`` is a GPU if there is one.

    Raises:
        ModelError: the device does not exist here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"there is no device '{device}' here: {reason}", hint="write device: auto, or device: cpu") from None
    return device


def resolve_dtype(dtype: str, device: str) -> str:
    """``auto`` is float32 on a CPU and bfloat16 on a GPU."""
    if dtype != "auto":
        return dtype
    return "float32" if torch.device(device).type == "cpu" else "bfloat16"
