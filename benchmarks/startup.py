"""How long commands take that load no model, beside an interpreter that does nothing. ``python -m benchmarks.startup``"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 9


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Print the table: medians of interleaved runs."""
    vstar = str(Path(sys.executable).with_name("vstar"))
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "story.yaml"
        subprocess.run([vstar, "new", "spec", str(spec)], check=True, capture_output=True)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "vstar --help": [vstar, "--help"],
            "vstar validate story.yaml": [vstar, "validate", str(spec)],
            "vstar synopsis story.yaml": [vstar, "synopsis", str(spec)],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS + 1):
            for name, command in commands.items():
                times[name].append(seconds(command))
    print("| command | median ms |\n|---|---|")
    for name, values in times.items():
        print(f"| `{name}` | {1000 * statistics.median(values[1:]):.0f} |")


if __name__ == "__main__":
    main()
