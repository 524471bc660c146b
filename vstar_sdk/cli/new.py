"""``vstar new``: files to begin with."""

from __future__ import annotations

import json
from pathlib import Path

import click

from vstar_sdk.cli.arguments import F, OutPath
from vstar_sdk.cli.commands import Group
from vstar_sdk.cli.new_plugin import WORDS, write_plugin
from vstar_sdk.cli.printing import document, say
from vstar_sdk.errors import OutputError, SpecError
from vstar_sdk.output.whole import write_whole
from vstar_sdk.reading.escapes import printable

SCHEMA = "vstar.schema.json"
"""Name of the file next to a spec that tells editors what specs may say."""

SPEC = """\
# yaml-language-server: $schema=./{schema}
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


@click.group(cls=Group)
def new() -> None:
    """Write a first spec or plugin."""


@new.command("spec", short_help="Write a first spec, and its schema for editors.")
@click.argument("path", type=click.Path(path_type=Path), default="story.yaml")
@click.option("--prompt", default="a landscape from winter to autumn", show_default=True, help="The prompt.")
def spec(path: Path, prompt: str) -> None:
    """Write a first spec to PATH (default: story.yaml), and its schema for editors next to it.

    An existing spec is not overwritten. The schema, vstar.schema.json, describes the parts that are installed now; `vstar schema
    -o` updates it.
    """
    from vstar_sdk.cli.schema_file import check_schema, write_schema
    from vstar_sdk.plugin.health import installed_catalog
    from vstar_sdk.spec.schema import schema_of, to_text

    shown = printable(str(path))
    if shown != str(path):
        raise OutputError(f"'{shown}' has invisible characters in its name", hint="choose another file")
    if not path.name or path.suffix == ".json":
        raise OutputError(
            f"'{printable(str(path))}' is not a name for a YAML spec", hint="choose a name such as: vstar new spec story.yaml"
        )
    try:
        content = SPEC.format(name=path.name, schema=SCHEMA, prompt=json.dumps(prompt, ensure_ascii=False)).encode()
    except UnicodeEncodeError:
        raise SpecError("--prompt is not valid UTF-8", hint="check the encoding of your terminal") from None
    schema = path.with_name(SCHEMA)
    if path == schema:
        raise OutputError(f"{SCHEMA} is the name of the schema next to the spec", hint="choose another file")
    try:
        check_schema(schema)
        text = to_text(schema_of(installed_catalog(say)))
        write_whole(path, content, new=True)
        try:
            write_schema(schema, text)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except FileExistsError:
        raise OutputError(f"{shown} exists already", hint="choose another file: vstar new spec other.yaml") from None
    except OSError as error:
        raise OutputError(f"{shown} cannot be written: {error.strerror}") from None
    document(f"wrote {shown}, and {schema.name} for editors; next: vstar run {shown}\n")


def _part_options(function: F) -> F:
    for word in reversed(WORDS):
        article = "an" if word[0] in "aeiou" else "a"
        option = click.option(f"--{word}", word, metavar="NAME", multiple=True, help=f"Add {article} {word}. May be repeated.")
        function = option(function)
    return function


@new.command("plugin")
@click.argument("namespace")
@_part_options
@click.option("--out", type=OutPath("folder of the plugin"), help="The folder. Default: vstar-NAMESPACE.")
def plugin(namespace: str, out: Path | None, **named: tuple[str, ...]) -> None:
    """Write a plugin package that installs and passes its own tests.

    NAMESPACE precedes the names of its parts in specs: `use: NAMESPACE/NAME`. Without any option the plugin gets one
    regularizer.
    """
    parts = [(word, name) for word in WORDS for name in named[word]] or [("regularizer", "lean")]
    folder = out or Path(f"vstar-{namespace}")
    write_plugin(folder, namespace, parts)
    shown = printable(str(folder))
    document(f"wrote {shown}; next: pip install -e '{shown}[test]', vstar plugins --check, pytest {shown}\n")
