"""``vstar convert``: checkpoints of other programs, made into directories that run."""

from __future__ import annotations

from pathlib import Path

import click

from vstar_sdk.cli.commands import Group
from vstar_sdk.cli.printing import say


@click.group(cls=Group)
def convert() -> None:
    """Convert a checkpoint into a directory in diffusers format."""


@convert.command("videocrafter2", short_help="The official model.ckpt of VideoCrafter2.")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--tokenizer",
    metavar="PATH_OR_ID",
    help="Folder or hub id (ID@REVISION) of a CLIP tokenizer. Default: CLIP's own, from the hub.",
)
@click.option(
    "--without-scale",
    is_flag=True,
    help="Accept a checkpoint without a signal scale in its noise schedule.",
)
def videocrafter2(checkpoint: Path, out: Path, tokenizer: str | None, without_scale: bool) -> None:
    """Convert the official model.ckpt of VideoCrafter2 into the directory OUT, which must not exist.

    No code in the file is run, the weights keep their precision, and OUT appears only when it is complete. It needs no other
    file: model: {use: videocrafter2, path: OUT}.
    """
    from vstar_sdk.models.videocrafter2.lvdm.conversion import convert as write

    write(checkpoint, out, tokenizer, without_scale=without_scale, report=say)
