"""How long commands take, next to an interpreter that does nothing and one that imports torch. ``python -m benchmarks.startup``

A plan is timed twice: with an empty cache, and as it is again and again. A run goes from a prompt to the files of 16 frames.

Ten plugins are installed for the last rows. One sleeps for two seconds when it is imported; the spec uses another.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from vstar_sdk.caches import FOLDER

RUNS = 9
PLUGINS = 10
PROMPT = "a landscape from winter to autumn"
EMPTY = "a new one each time"
"""In the place of a cache folder."""

_MODULE = """
from vstar_sdk import Bias, RegularizerOptions, hookimpl

class Options(RegularizerOptions):
    slope: float = 0.1
    "How much."

class Part:
    def __init__(self, options):
        self.options = options

    def operations(self, site):
        return [Bias(lambda distance: -self.options.slope * distance.abs())]

@hookimpl
def register_regularizers(register):
    register("part", options=Options, factory=Part, summary="Far frames weigh less.")
"""


def install(folder: Path) -> None:
    """Lay ten plugins out as pip leaves them."""
    for number in range(PLUGINS):
        name = f"bench{number}"
        slow = "import time\ntime.sleep(2)\n" if number == 0 else ""
        (folder / f"{name}.py").write_text(slow + _MODULE)
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[vstar_sdk]\n{name} = {name}\n[vstar_sdk.commands]\n{name} = {name}:main\n")


def seconds(command: list[str], environment: Mapping[str, str]) -> float:
    """Wall time of one process."""
    with tempfile.TemporaryDirectory() as empty:
        if environment.get(FOLDER) == EMPTY:
            environment = {**environment, FOLDER: empty}
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        return time.perf_counter() - began


def main() -> None:
    """Print the table: medians of interleaved runs."""
    argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__).parse_args()
    vstar = str(Path(sys.executable).with_name("vstar"))
    with tempfile.TemporaryDirectory() as folder:
        spec, light, site = Path(folder) / "story.yaml", Path(folder) / "light.yaml", Path(folder) / "site"
        subprocess.run([vstar, "--no-plugins", "new", "spec", str(spec)], check=True, capture_output=True)
        light.write_text("prompt: a volcano wakes up\nregularizers: [{use: bench1/part}]\n")
        site.mkdir()
        install(site)
        out = str(Path(folder) / "run")
        bare = dict(os.environ) | {FOLDER: str(Path(folder) / "cache")}
        bare.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
        crowded = bare | {"PYTHONPATH": os.pathsep.join([str(site), *filter(None, [bare.get("PYTHONPATH")])])}
        commands = {
            "python -c pass": ([sys.executable, "-c", "pass"], bare),
            "python -c 'import torch'": ([sys.executable, "-c", "import torch"], bare),
            "vstar --help": ([vstar, "--help"], bare),
            "vstar validate story.yaml": ([vstar, "validate", str(spec)], bare),
            "vstar synopsis story.yaml": ([vstar, "synopsis", str(spec)], bare),
            "vstar plan story.yaml": ([vstar, "plan", str(spec)], bare),
            "vstar plan story.yaml, the first time": ([vstar, "plan", str(spec)], bare | {FOLDER: EMPTY}),
            "vstar run, 16 frames on miniworld": ([vstar, "run", "--prompt", PROMPT, "-s", "frames=16", "-q", "-o", out], bare),
            "vstar --help, ten plugins": ([vstar, "--help"], crowded),
            "vstar validate, ten plugins, one in use": ([vstar, "validate", str(light)], crowded),
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS + 1):
            for name, (command, environment) in commands.items():
                times[name].append(seconds(command, environment))
    print("| command | median ms |\n|---|---|")
    for name, values in times.items():
        print(f"| `{name}` | {1000 * statistics.median(values[1:]):.0f} |")


if __name__ == "__main__":
    main()
