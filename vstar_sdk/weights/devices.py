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
    """What ``auto`` comes to: float32 on a CPU; on a GPU bfloat16 where it computes in it, else float16."""
    if dtype != "auto":
        return dtype
    kind = torch.device(device).type
    if kind == "cpu":
        return "float32"
    if kind == "cuda":
        with torch.cuda.device(device):
            # A GPU without it can still emulate bfloat16, several times slower than float16.
            return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if kind == "mps":
        return "bfloat16" if torch.backends.mps.is_macos_or_newer(14, 0) else "float16"
    return "bfloat16"
