"""Everything that is measured on a GPU, in one go and a bounded time: ``python -m benchmarks.gpu [--limit 480]``.

First the tests that need a GPU, then the tables. Every section is a process of its own: one that fails, or takes longer than its
share, is told with what it had printed, and the others go on. The results are written after each section, to
``benchmarks/results/DEVICE.md``. Weights are random, and nothing is fetched. ``--tiny`` runs the same on a CPU at sizes that only
show that it runs.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
ON_GPU = ("--device", "cuda", "--dtype", "bfloat16")
ON_CPU = ("--device", "cpu", "--dtype", "float32")


@dataclass(frozen=True)
class Section:
    """One measurement.

    Attributes:
        title: of its part of the results.
        command: arguments of the interpreter, on a GPU.
        tiny: the same on a CPU, at sizes that only show that it runs.
        most: seconds that it may take.
        environment: of its process in the tiny case.
    """

    title: str
    command: Sequence[str]
    tiny: Sequence[str]
    most: float
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return ("-m", f"benchmarks.{name}", *arguments)


_TESTS = ("-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests/gpu")

SECTIONS: Mapping[str, Section] = {
    "tests": Section("Tests", _TESTS, _TESTS, 160.0, {"VSTAR_GPU_TESTS": "cpu"}),
    "core": Section(
        "Attention core",
        _module("attention", *ON_GPU, "--rounds", "9"),
        _module("attention", *ON_CPU, "--rounds", "2", "--positions", "8", "--frames", "4", "8"),
        80.0,
    ),
    "wan": Section(
        "A step of Wan 2.1 1.3B",
        _module("wan", *ON_GPU, "--rounds", "3"),
        _module("wan", *ON_CPU, "--rounds", "2", "--frames", "9", "--size", "64", "32", "--layers", "1", "--heads", "1"),
        90.0,
    ),
    "blocks": Section(
        "One block of LTX-2 and of HunyuanVideo 1.5",
        _module("blocks", *ON_GPU, "--rounds", "4", "--families", "LTX-2", "HunyuanVideo 1.5"),
        _module("blocks", *ON_CPU, "--tiny", "--heads", "1", "--families", "LTX-2", "HunyuanVideo 1.5"),
        80.0,
    ),
    "videocrafter2": Section(
        "A step of VideoCrafter2",
        _module("step", *ON_GPU, "--scale", "1", "--frames", "64", "--rounds", "4"),
        _module("step", *ON_CPU, "--scale", "8", "--frames", "2", "--rounds", "2", "--threads", "1"),
        70.0,
    ),
}
"""In the order in which they are worth most, should the time run out."""


def run(section: Section, seconds: float, *, tiny: bool = False) -> tuple[str, str]:
    """Do one measurement.

    Args:
        section: which.
        seconds: after which it is stopped.
        tiny: at sizes that only show that it runs.

    Returns:
        What it printed, and what became of it.
    """
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, *(section.tiny if tiny else section.command)],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(section.environment if tiny else {})},
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its compilers, too
            process.wait()
            code = None
        for file in (out, errors):
            file.seek(0)
        printed, complaints = out.read().strip(), errors.read().strip()
    took = time.perf_counter() - began
    if code is None:
        return printed, f"Stopped after {took:.0f} s: its time was over."
    if code:
        last = "\n".join(complaints.splitlines()[-15:])
        return printed, f"**Failed** after {took:.0f} s, with exit code {code}.\n\n```text\n{last}\n```"
    return printed, f"Done in {took:.0f} s."


def main(given: Sequence[str] | None = None, sections: Mapping[str, Section] = SECTIONS) -> int:
    """Measure, write, and say how many sections did not end well.

    Args:
        given: arguments; None for those of the command line.
        sections: all there are.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--limit", type=float, default=480.0, help="seconds for all")
    parser.add_argument("--sections", nargs="+", default=list(sections), choices=list(sections))
    parser.add_argument("--tiny", action="store_true", help="on a CPU")
    parser.add_argument("--out", type=Path, help="the file of the results")
    arguments = parser.parse_args(given)
    if not arguments.tiny and not torch.cuda.is_available():
        parser.error("there is no CUDA GPU here: --tiny shows on a CPU that the script runs")
    device = "CPU, tiny" if arguments.tiny else torch.cuda.get_device_name()
    out: Path = arguments.out or ROOT / "benchmarks" / "results" / f"{re.sub('[^a-z0-9]+', '-', device.lower())}.md"
    began, failed = time.perf_counter(), 0
    written = [
        f"# {device}",
        f"`python -m benchmarks.gpu`, {time.strftime('%d %B %Y')}, torch {torch.__version__}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores.",
    ]
    for name in arguments.sections:
        section, left = sections[name], arguments.limit - (time.perf_counter() - began)
        printed, end = "", "Not begun: the time was over."
        if left > 1.0:
            printed, end = run(section, min(left, section.most), tiny=arguments.tiny)
        failed += not end.startswith("Done")
        written += [part for part in (f"## {section.title}", printed, end) if part]
        out.write_text("\n\n".join(written) + "\n")
        print(f"{name}: {end.splitlines()[0]}", flush=True)
    print(out)
    return failed


if __name__ == "__main__":
    sys.exit(main())
