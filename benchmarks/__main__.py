"""``python -m benchmarks``: every measurement, one after the other, as markdown."""

from __future__ import annotations

import argparse
import os
import platform
import runpy
import sys

import torch

MEASUREMENTS = {
    "benchmarks.attention": "Attention core",
    "benchmarks.joint": "Attention over all tokens",
    "benchmarks.step": "A whole step",
    "benchmarks.story": "A whole run",
    "benchmarks.memory": "Memory over frames",
    "benchmarks.options": "Options of speed",
    "benchmarks.previews": "Previews",
    "benchmarks.startup": "Start",
    "benchmarks.sweeps": "Sweeps",
    "benchmarks.gates": "Gates",
}


def main() -> None:
    """Run them all."""
    argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__).parse_args()
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    for module, title in MEASUREMENTS.items():
        print(f"## {title}\n", flush=True)
        sys.argv = [module]
        runpy.run_module(module, run_name="__main__")
        print(flush=True)


if __name__ == "__main__":
    main()
