"""The memory of this process, as the system shows it."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def peak_bytes() -> int | None:
    """The most memory that this process has held, in bytes; None where the system does not tell.

    On Linux ``getrusage`` would not do: what it says of a process includes what its parent held when it was started.
    """
    if sys.platform == "linux":
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
        return int(found.group(1)) * 1024 if found else None
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
