"""``vstar seeds``, a command: the same spec with several seeds, the model loaded once."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--count", default=3, show_default=True, type=click.IntRange(1, 1000), help="How many videos.")
@click.option("--out", default="seeds", show_default=True, type=click.Path(path_type=Path), help="Folder for the runs.")
def seeds(spec: Path, count: int, out: Path) -> None:
    """Make several videos of one spec, each with another seed."""
    import vstar_sdk  # inside, as all that is heavy: `vstar --help` imports no command

    first = vstar_sdk.load_spec(spec).spec.seed
    with vstar_sdk.Session() as session:
        for seed in range(first, first + count):
            result = session.run(vstar_sdk.load_spec(spec, overrides=[f"seed={seed}"]), out=out / f"{seed}")
            click.echo(f"{result.directory}")
