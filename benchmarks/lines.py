"""Records of a benchmark that goes on where it was stopped: one line of JSON for what was made; none of it is made again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def read_lines(path: Path) -> list[Line]:
    """What was made; nothing without the file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def command(name: str, about: str | None, measure: Callable[[str, int], None], report: Callable[[], str], *, seeds: int) -> None:
    """``python -m benchmarks.NAME [report] [--model MODEL] [--seeds N]``: make what is missing, and print the tables.

    Args:
        name: of the benchmark.
        about: what its help says.
        measure: takes a model and a number of seeds.
        report: the tables of what was made.
        seeds: the default.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=about)
    parser.add_argument("what", nargs="?", choices=("report",), help="print the tables of what was made")
    parser.add_argument("--model", default="miniworld")
    parser.add_argument("--seeds", type=int, default=seeds)
    given = parser.parse_args()
    if given.what is None:
        measure(given.model, given.seeds)
    print(report())
