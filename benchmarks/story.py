"""The whole way on the embedded model: 64 frames, 25 steps, guidance on. Prints seconds of every stage and the peak memory.

``python -m benchmarks.story [--threads N]``, each measurement in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile

VARIANTS = {"without TAR": [], "with TAR": [{"use": "tar", "sigma": {0: 4, 1: 8}}]}


def measure(variant: str) -> str:
    """One row: a run from a cold start in this process."""
    from vstar_sdk import run

    spec = {"prompt": "a landscape from winter to autumn", "frames": 64, "seed": 7, "regularizers": VARIANTS[variant]}
    with tempfile.TemporaryDirectory() as folder:
        seconds = run(spec, out=folder).manifest["seconds"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    both = seconds["sample"] + seconds["decode"]
    cells = [f"{seconds[stage]:.1f}" for stage in ("load", "sample", "decode")]
    return f"| {variant} | {' | '.join(cells)} | {both:.1f} | {peak:.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        print(measure(arguments.variant))
        return
    print(f"64 frames, 25 steps, guidance; {arguments.threads} threads\n")
    print("| run | load s | sample s | decode + export s | sample + decode s | peak memory GB |")
    print("|---|---|---|---|---|---|")
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    for variant in VARIANTS:
        command = [sys.executable, "-m", "benchmarks.story", "--variant", variant]
        print(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
