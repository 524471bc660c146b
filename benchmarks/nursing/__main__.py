"""The command."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent.parent


def main() -> None:
    """``python -m benchmarks.nursing [report]``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nursing", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["measure", "report"], default="measure")
    parser.add_argument("--folder", type=Path, default=HERE / "results" / "nursing", help="records, and frames for the pictures")
    parser.add_argument("--seeds", type=int, default=5, help="of every story")
    parser.add_argument("--pan-seeds", type=int, default=8, help="of every pan")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="each with one thread")
    parser.add_argument("--shard", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.what == "report":
        from benchmarks.nursing.report import report

        report(args.folder)
    elif args.shard is not None:
        from benchmarks.nursing.measure import measure

        measure(args.folder, args.seeds, args.pan_seeds, args.shard, args.processes)
    else:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        command = [sys.executable, "-m", "benchmarks.nursing", *sys.argv[1:], "--processes", str(args.processes), "--shard"]
        shards = [subprocess.Popen([*command, str(n)], env=environment) for n in range(args.processes)]
        codes = [shard.wait() for shard in shards]
        sys.exit(max(codes))


if __name__ == "__main__":
    main()
