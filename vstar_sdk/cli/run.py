"""``vstar run``: from a spec or a prompt to a video."""

from __future__ import annotations

from pathlib import Path

import click

from vstar_sdk.cli.arguments import SpecArguments, spec_arguments
from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.making import Making, making_options
from vstar_sdk.runs.leftovers import sweep_all
from vstar_sdk.runs.naming import RUNS, default_directory
from vstar_sdk.runs.plan import make_plan


@click.command(cls=Command)
@spec_arguments
@making_options("The run directory. Default: a new one below runs/.")
def run(given: SpecArguments, making: Making) -> None:
    """Make a video from SPEC: a file, a prompt in quotes, "-" for standard input, or a video that carries its spec.

    The last line of stdout is the run directory: video.mp4, contact-sheet.png, spec.yaml (with every default filled in; running
    it again gives the same video), synopsis.json, latents.safetensors (which `vstar redo` and `vstar extend` use) and
    manifest.json.
    """
    plan = make_plan(given.load())

    def directory() -> Path:
        sweep_all(RUNS)
        return default_directory(plan.spec.prompt)

    making.make(plan, RUNS, directory)
