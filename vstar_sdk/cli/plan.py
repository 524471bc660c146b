"""``vstar plan``: what a run will do and take, before anything is loaded."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from vstar_sdk.cli.arguments import SpecArguments, spec_arguments
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.description import describe, plan_data
from vstar_sdk.cli.printing import document, document_json, warn
from vstar_sdk.runs.forecast import Forecast, forecast
from vstar_sdk.runs.plan import Plan, make_plan
from vstar_sdk.weights.outlines import outlined


@click.command(cls=Command)
@spec_arguments
@click.option("--sites", is_flag=True, help="Print a line for every temporal attention that a regularizer changes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; bytes and operations as whole numbers.")
def plan(given: SpecArguments, sites: bool, as_json: bool) -> None:
    """Show what a run will do, and its memory and time.

    Prints the settings, the key states (unless a language model writes them), how each temporal attention is computed, and an
    estimate of memory and computation. The estimate is counted on the model's real networks without their weights. No model is
    loaded, and no language model is called. A released model that is not on this machine is planned from its configuration,
    which vstar-sdk keeps for those in the documentation, with a warning.
    """
    with outlined() as kept:
        planned = make_plan(given.load())
        foreseen = forecast(planned)
    if as_json:
        document_json({**plan_data(planned), **_data(foreseen)})
    else:
        document(f"{describe(planned, sites=sites)}\n\n{table(planned, foreseen)}\n")
    for warning in (*kept.warnings(), *planned.warnings()):
        warn(warning)


def table(planned: Plan, foreseen: Forecast) -> str:
    """The estimate in a few lines of at most 80 characters."""
    title = f"On {foreseen.device} in {foreseen.dtype}"
    estimate = foreseen.estimate
    if estimate is None or foreseen.step_flops is None or foreseen.run_flops is None:
        return f"{title}: {planned.facts.name} has no estimate of memory and computation."
    weights = ", ".join(f"{role} {_bytes(size)}" for role, size in estimate.weights.items())
    step = f"{foreseen.evaluations} x {foreseen.calls} calls of {_count(foreseen.branches, 'video')}"
    lines = [
        f"{title}, estimated:",
        f"  weights      {weights}",
        f"  a step       {_flops(foreseen.step_flops)}, {_bytes(estimate.call_bytes)} of tensors at once",
        f"  sampling     {step}, {_flops(foreseen.step_flops * foreseen.evaluations)}",
        f"  decoding     {_flops(estimate.decode_flops)}, {_bytes(estimate.decode_bytes)} of tensors at once",
    ]
    if foreseen.attention_bytes:
        lines += [
            f"  attention    up to {_bytes(foreseen.attention_bytes)} more for logits made in chunks; the passes",
            "               over them are not counted as operations",
        ]
    peaks = foreseen.peaks()
    lines.append(f"  peak memory  {_bytes(peaks[foreseen.offload or 'none'])}")
    if foreseen.offload is not None:
        ways = ", ".join(f"{way} {_bytes(size)}" for way, size in peaks.items())
        lines.append(f"               by model.offload: {ways}")
    lines += _process(foreseen, peaks[foreseen.offload or "none"])
    return "\n".join(lines)


def _process(foreseen: Forecast, peak: int) -> list[str]:
    """What the system will show and the clock, as far as an earlier run on this machine tells."""
    lines: list[str] = []
    if foreseen.libraries_bytes is not None:
        whole, libraries = _bytes(peak + foreseen.libraries_bytes), _bytes(foreseen.libraries_bytes)
        lines.append(f"  process      {whole}, of which {libraries} are Python and its libraries")
    if foreseen.seconds is not None:
        lines.append(f"  time         about {_time(foreseen.seconds)} of sampling and decoding, by the last run here")
    if not lines:
        lines = [
            "Python, its libraries and the memory allocator come on top of the tensors.",
            "The first run of this model on this machine measures them, and the time.",
        ]
    return lines


def _time(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _data(foreseen: Forecast) -> dict[str, Any]:
    estimate = foreseen.estimate
    return {
        "device": foreseen.device,
        "dtype": foreseen.dtype,
        "estimate": None
        if estimate is None
        else {
            **dataclasses.asdict(estimate),
            "evaluations": foreseen.evaluations,
            "calls": foreseen.calls,
            "branches": foreseen.branches,
            "attention_bytes": foreseen.attention_bytes,
            "step_flops": foreseen.step_flops,
            "run_flops": foreseen.run_flops,
            "peak_bytes": dict(foreseen.peaks()),
            "libraries_bytes": foreseen.libraries_bytes,
            "seconds": foreseen.seconds,
        },
    }


def _bytes(size: int) -> str:
    return _scaled(size, 1024, ("B", "KiB", "MiB", "GiB", "TiB"))


def _flops(operations: int) -> str:
    return _scaled(operations, 1000, ("FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP"))


def _scaled(number: float, base: int, units: tuple[str, ...]) -> str:
    """Three digits and a unit."""
    for unit in units[:-1]:
        if number < base:
            return f"{number:.3g} {unit}"
        number /= base
    return f"{number:,.3g} {units[-1]}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
