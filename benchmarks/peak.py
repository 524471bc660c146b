"""The peak memory of this process."""

from __future__ import annotations

from vstar_sdk.runs.process import peak_bytes as of_process


def peak_bytes() -> int:
    """The most memory that this process has held, in bytes."""
    found = of_process()
    assert found is not None, "the system does not tell the peak memory of a process"
    return found
