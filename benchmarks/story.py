"""The whole way on the embedded model: 64 frames, 25 steps, guidance on. Prints seconds of every stage and the peak memory.

``python -m benchmarks.story [--threads N] [--rounds N]``: every run in a process of its own, the variants in turn, medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks.peak import peak_bytes

VARIANTS = {"without TAR": [], "with TAR at levels 0 and 1": [{"use": "tar", "sigma": {0: 4, 1: 8}}]}
COLUMNS = ("load", "sample", "decode", "both", "peak")


def measure(variant: str) -> dict[str, float]:
    """Seconds and GB of one run, from a cold start in this process."""
    from vstar_sdk import run

    spec = {"prompt": "a landscape from winter to autumn", "frames": 64, "seed": 7, "regularizers": VARIANTS[variant]}
    with tempfile.TemporaryDirectory() as folder:
        seconds = run(spec, out=folder).manifest["seconds"]
    peak = peak_bytes() / 2**30
    return {**seconds, "both": seconds["sample"] + seconds["decode"], "peak": peak}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        print(json.dumps(measure(arguments.variant)))
        return
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    runs: dict[str, list[dict[str, float]]] = {variant: [] for variant in VARIANTS}
    for _ in range(arguments.rounds):
        for variant, measured in runs.items():
            command = [sys.executable, "-m", "benchmarks.story", "--variant", variant]
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            measured.append(json.loads(done.stdout))
    print(f"64 frames, 25 steps, guidance, {arguments.threads} threads; median of {arguments.rounds} runs\n")
    print("| run | load s | sample s | decode and export s | sample to export s | peak memory GB |")
    print("|---|---:|---:|---:|---:|---:|")
    for variant, measured in runs.items():
        cells = [statistics.median(one[column] for one in measured) for column in COLUMNS]
        print(f"| {variant} | {' | '.join(f'{cell:.1f}' for cell in cells[:-1])} | {cells[-1]:.2f} |")


if __name__ == "__main__":
    main()
