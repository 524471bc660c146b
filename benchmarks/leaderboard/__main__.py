"""The command."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.leaderboard.lengths import LENGTHS
from benchmarks.leaderboard.records import RECORDS

MODELS = ("miniworld", "miniworld-dit")


def main() -> None:
    """``python -m benchmarks.leaderboard [report]``."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.leaderboard", description="Measure every entry, or write the page."
    )
    parser.add_argument("what", nargs="?", choices=["measure", "report"], default="measure")
    parser.add_argument("--model", action="append", help="may be repeated; default: both embedded models")
    parser.add_argument("--frames", action="append", type=int, choices=LENGTHS, help="may be repeated; default: all")
    parser.add_argument("--entry", action="append", help="names of entries; default: all")
    parser.add_argument("--records", type=Path, default=RECORDS, help="the folder of the records")
    args = parser.parse_args()
    if args.what == "report":
        from benchmarks.leaderboard.report import write_page

        print(write_page(args.records))
        return
    import torch

    from benchmarks.leaderboard.entries import read_entries
    from benchmarks.leaderboard.measure import measure

    torch.set_num_threads(1)
    entries = read_entries()
    wanted = args.entry or [entry.name for entry in entries]
    chosen = [entry for entry in entries if entry.name in wanted]
    measure(chosen, args.model or MODELS, args.frames or list(LENGTHS), args.records)


if __name__ == "__main__":
    main()
