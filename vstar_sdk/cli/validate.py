"""``vstar validate``: everything that can be checked without loading a model."""

from __future__ import annotations

from pathlib import Path

import click

from vstar_sdk.cli.arguments import load, spec_arguments
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document, warn
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.plan import make_plan


@click.command(cls=Command)
@spec_arguments
def validate(spec: Path | None, prompt: str | None, overrides: tuple[str, ...], plugins: tuple[str, ...]) -> None:
    """Check a spec without running it: keys, values, parts, levels, anchors.

    Exits with 2 and says file, line and remedy when something is wrong. No model is loaded and no language model is asked.
    Whether a scheduler fits the model is told by vstar plan and vstar run --dry-run.
    """
    plan = make_plan(load(spec, prompt, overrides, plugins))
    document(f"{printable(str(spec)) if spec else 'the prompt'} is valid: {plan.summary()}\n")
    for warning in plan.warnings():
        warn(warning)
