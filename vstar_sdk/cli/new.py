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
"""Name of the file beside a spec that tells editors what specs may say."""

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
    """Write a file to begin with."""


@new.command("spec")
@click.argument("path", type=click.Path(path_type=Path), default="story.yaml")
@click.option("--prompt", default="a landscape from winter to autumn", show_default=True, help="The story in your words.")
def spec(path: Path, prompt: str) -> None:
    """Write a spec to PATH (story.yaml unless named), and its schema for editors next to it.

    A spec that exists is left alone. The schema, vstar.schema.json, holds what is installed now; `vstar schema -o` writes it
    again.
    """
    from vstar_sdk.cli.schema_file import check_schema, write_schema
    from vstar_sdk.plugin.health import installed_catalog
    from vstar_sdk.spec.schema import schema_of, to_text

    shown = printable(str(path))
    if shown != str(path):
        raise OutputError(f"'{shown}' has characters in its name that cannot be seen", hint="name another file")
    if not path.name or path.suffix == ".json":
        raise OutputError(
            f"'{printable(str(path))}' is no name for a spec in YAML", hint="name a file: vstar new spec story.yaml"
        )
    try:
        content = SPEC.format(name=path.name, schema=SCHEMA, prompt=json.dumps(prompt, ensure_ascii=False)).encode()
    except UnicodeEncodeError:
        raise SpecError("--prompt holds bytes that are no text", hint="give it in UTF-8") from None
    schema = path.with_name(SCHEMA)
    if path == schema:
        raise OutputError(f"{SCHEMA} is the name of the schema next to the spec", hint="name another file")
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
        raise OutputError(f"{shown} exists already", hint="name another file: vstar new spec other.yaml") from None
    except OSError as error:
        raise OutputError(f"{shown} cannot be written: {error.strerror}") from None
    document(f"wrote {shown}, and {schema.name} for editors; next: vstar run {shown}\n")


def _part_options(function: F) -> F:
    for word in reversed(WORDS):
        article = "an" if word[0] in "aeiou" else "a"
        option = click.option(f"--{word}", word, metavar="NAME", multiple=True, help=f"Begin with {article} {word}; repeatable.")
        function = option(function)
    return function


@new.command("plugin")
@click.argument("namespace")
@_part_options
@click.option("--out", type=OutPath("folder of the plugin"), help="The folder; vstar-NAMESPACE unless named.")
def plugin(namespace: str, out: Path | None, **named: tuple[str, ...]) -> None:
    """Write a plugin to begin with: a distribution that installs and passes its own tests.

    NAMESPACE is what specs write before the names of its parts: `use: NAMESPACE/NAME`. Without any part it begins with a
    regularizer.
    """
    parts = [(word, name) for word in WORDS for name in named[word]] or [("regularizer", "lean")]
    folder = out or Path(f"vstar-{namespace}")
    write_plugin(folder, namespace, parts)
    shown = printable(str(folder))
    document(f"wrote {shown}; next: pip install -e '{shown}[test]', vstar plugins --check, pytest {shown}\n")
