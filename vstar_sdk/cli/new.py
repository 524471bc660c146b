"""``vstar new``: files to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from vstar_sdk.errors import OutputError

SPEC = """\
# A run of vstar. `vstar run {name}` makes the video, `vstar synopsis {name}` shows the key states first.
version: 1
prompt: {prompt}
frames: 64
seed: 7
model:
  use: miniworld              # the embedded model; `vstar models` lists others
synopsis:
  use: miniworld              # or llm (a language model writes the states), or states (you write them)
timeline:
  interpolation: linear       # or hold, smooth
regularizers:
  - use: tar                  # the paper's temporal attention regularization
    sigma: {{0: 4}}             # level: frames; smaller is stronger
output:
  - use: mp4
  - use: contact-sheet
"""


@click.group()
def new() -> None:
    """Write a file to begin with."""


@new.command("spec")
@click.argument("path", type=click.Path(path_type=Path), default="story.yaml")
@click.option("--prompt", default="a landscape from winter to autumn", show_default=True, help="The story in your words.")
def spec(path: Path, prompt: str) -> None:
    """Write a spec to PATH (story.yaml unless named); a file that exists is left alone."""
    import json

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(SPEC.format(name=path.name, prompt=json.dumps(prompt, ensure_ascii=False)))
    except FileExistsError:
        raise OutputError(f"{path} exists already", hint="name another file: vstar new spec other.yaml") from None
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {path}; next: vstar run {path}")
