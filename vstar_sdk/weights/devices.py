"""What ``device: auto`` and ``dtype: auto`` come to on this machine. Torch is imported only where it has to be asked."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import runpy
import sys
from pathlib import Path
from typing import Any

from vstar_sdk.caches import remembered
from vstar_sdk.errors import ModelError


def resolve_device(device: str) -> str:
    """``auto`` is a GPU if there is one.

    Raises:
        ModelError: the device does not exist here.
    """
    if device == "cpu" or (device == "auto" and _surely_no_gpu()):
        return "cpu"
    import torch

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
    if device == "cpu":
        return "float32"
    import torch

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


def check_fused(device: str, option: str = "model.fused") -> None:
    """Refuse a fused kernel of attention where there is none.

    Args:
        device: that was resolved.
        option: that asks for it.

    Raises:
        ModelError: it is no CUDA GPU, or Triton is not installed.
    """
    hint = f"leave {option} out: the same attention is then computed in chunks"
    if not device.startswith("cuda"):
        raise ModelError(f"{option} needs a CUDA GPU, and the run is on {device}", hint=hint)
    if importlib.util.find_spec("triton") is None:
        raise ModelError(f"{option} needs Triton, which is not installed", hint=hint)


def cpu_threads() -> int:
    """Threads that torch computes with on the CPU; asked once for each setting of the environment, then remembered."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return torch.get_num_threads()

    def ask() -> int:
        import torch

        return torch.get_num_threads()

    settings = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_THREAD_LIMIT")}
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return remembered("plans", {"threads": settings, "cpus": cpus, "torch": torch_version()["__version__"]}, ask)


def torch_version() -> dict[str, Any]:
    """What the installed torch says of its build: ``__version__``, ``cuda``, ``hip``. It is read, not imported.

    Raises:
        ModuleNotFoundError: torch is not installed.
    """
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("torch is not installed", name="torch")
    return runpy.run_path(str(Path(found.origin).with_name("version.py")))


def _surely_no_gpu() -> bool:
    """Whether the build of torch, or the want of a driver, rules a GPU out before torch is imported."""
    if sys.platform != "linux":
        return False
    build = torch_version()
    return not build.get("hip") and (not build.get("cuda") or not _has_cuda_driver())


def _has_cuda_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
