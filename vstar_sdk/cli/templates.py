"""``vstar templates``: what a language model is told, to look at, to try and to check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from vstar_sdk.cli.commands import Group
from vstar_sdk.cli.completion import complete_templates
from vstar_sdk.cli.printing import document, document_json, warn
from vstar_sdk.cli.streams import apart
from vstar_sdk.errors import SpecError, TemplateError
from vstar_sdk.plugin import discovery
from vstar_sdk.plugin.catalog import Catalog
from vstar_sdk.plugin.health import installed_catalog
from vstar_sdk.reading.escapes import printable
from vstar_sdk.reading.yaml_reader import read_yaml
from vstar_sdk.spec.mentions import absent
from vstar_sdk.templating.inputs import GIVEN, InputSchema, fault
from vstar_sdk.templating.linting import lint as find_problems
from vstar_sdk.templating.rendering import render as fill_in
from vstar_sdk.templating.templates import Found, Template, available, find, is_path, read

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Place:
    """Where the templates of one's own are.

    Attributes:
        spec: the file that they stand beside; None for the working directory.
    """

    spec: Path | None

    def folder(self) -> Path:
        """The folder of the spec.

        Raises:
            SpecError: there is no such spec.
        """
        if self.spec is not None and not self.spec.is_file():
            raise SpecError(
                f"there is no file {printable(str(self.spec))}", hint="--spec names the spec file whose folder has the templates"
            )
        return self.spec.parent if self.spec is not None else Path()


def _beside(function: F) -> F:
    return click.option(
        "--spec",
        type=click.Path(path_type=Path),
        help="Look next to this spec; without it, in the working directory.",
    )(function)


@click.group(cls=Group, invoke_without_command=True)
@_beside
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def templates(ctx: click.Context, spec: Path | None, as_json: bool) -> None:
    """List, show, render and check synopsis templates.

    Without a command, lists the templates next to the spec, those of plugins and the built-in ones. If two have the same name,
    the first is used.
    """
    ctx.obj = Place(spec)
    command = templates.commands.get(ctx.invoked_subcommand or "")
    if command is None:
        with apart():
            _list(ctx.obj.folder(), as_json)
    elif as_json:
        if not any(parameter.name == "as_json" for parameter in command.params):
            raise click.UsageError(f"'{command.name}' prints no JSON: leave --json out")
        ctx.default_map = {str(ctx.invoked_subcommand): {"as_json": True}}


@templates.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(place: Place, as_json: bool) -> None:
    """List templates, as without a command."""
    _list(place.folder(), as_json)


def _list(folder: Path, as_json: bool) -> None:
    rows = list(_rows(available(folder=folder, registered=installed_catalog(warn).templates)))
    if as_json:
        document_json(rows)
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        document(f"{row['name']:{width}}  {row['origin']:15}  {row['problem'] or row['summary']}\n")


@templates.command()
@click.argument("name", shell_complete=complete_templates)
@click.pass_obj
def show(place: Place, name: str) -> None:
    """Print the template NAME, for example to edit it.

    NAME is written as in a spec: a name, namespace/name, or the path of a file.
    """
    document(read(_found(name, place.folder())).path.read_text(encoding="utf-8-sig"))


@templates.command(short_help="Print the messages that a template makes.")
@click.argument("name", shell_complete=complete_templates)
@click.option("--prompt", metavar="TEXT", required=True, help="The prompt.")
@click.option(
    "-s", "--set", "assignments", metavar="NAME=VALUE", multiple=True, help="An input of the template, or states, style, ..."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def render(place: Place, name: str, prompt: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Render the template NAME, and print the messages to a language model.

    Defaults: 4 states, 64 frames, 8 fps.
    """
    given: dict[str, Any] = {"prompt": prompt, "style": "", "states": 4, "frames": 64, "fps": 8.0}
    inputs: dict[str, Any] = {}
    for assignment in assignments:
        key, value = _assigned(assignment)
        (given if key in given else inputs)[key] = value
    given["seconds"] = given["frames"] / given["fps"]
    messages = fill_in(read(_found(name, place.folder())), given, inputs)
    if as_json:
        document_json({"system": messages.system, "user": messages.user})
    else:
        document(f"--- system ---\n{messages.system}\n\n--- user ---\n{messages.user}\n")


@templates.command()
@click.argument("names", nargs=-1, required=True, metavar="PATH|NAME...", shell_complete=complete_templates)
@click.pass_context
def lint(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Check templates without rendering them.

    Checks front matter, syntax, blocks, filters, undeclared and unused variables, and user text in the system block. Exits with
    1 if there is a problem.
    """
    lines = [line for name in names for line in _findings(_found(name, ctx.obj.folder()))]
    for line in lines:
        document(f"{line}\n")
    if lines:
        ctx.exit(1)
    document(f"{', '.join(names)}: no problems found\n")


def _found(name: str, folder: Path) -> Found:
    """The template of that name; a plugin is imported only if the name is one of its own."""
    registered: dict[str, Path] = {}
    if "/" in name and not is_path(name):
        namespace, installed = name.partition("/")[0], discovery.installed()
        if namespace not in installed:
            raise SpecError(f"unknown template '{name}': {absent(namespace, installed)}")
        catalog = Catalog()
        catalog.add(discovery.load_one(namespace, installed[namespace]))
        registered = catalog.templates
    return find(name, folder=folder, registered=registered)


def _rows(found: Iterable[Found]) -> Iterable[dict[str, Any]]:
    """What is listed of each template; one that cannot be read is listed with the reason."""
    seen: set[str] = set()
    for one in found:
        about, problem = None, ""
        try:
            about = read(one).about
        except TemplateError as error:
            problem = f"cannot be used: {error.message}"
        summary = about.summary if about else ""
        yield {
            "name": one.name,
            "origin": one.origin,
            "path": str(one.path),
            "version": about.version if about else None,
            "inputs": sorted(about.declared - set(GIVEN)) if about else [],
            "summary": f"{summary} (hidden by the one above)".strip() if one.name in seen else summary,
            "problem": problem,
        }
        seen.add(one.name)


def _assigned(assignment: str) -> tuple[str, Any]:
    """``season=spring`` as a name and a value, which is read as YAML."""
    name, equals, text = assignment.partition("=")
    if not equals or not name:
        raise SpecError(f"--set {assignment}: write NAME=VALUE, such as states=5")
    value: Any = read_yaml(f"value: {text}", f"--set {name}")[0]["value"]
    if name == "prompt" or name == "seconds":
        raise SpecError(f"--set {name}: " + ("use --prompt" if name == "prompt" else "set frames and fps"))
    if name in GIVEN and not (name == "states" and value is None):
        least = {"exclusiveMinimum": 0} if GIVEN[name][0] != "string" else {}
        if wrong := fault(InputSchema.model_validate({"type": GIVEN[name][0], **least}), value):
            raise SpecError(f"--set {name}: {wrong}")
    return name, value


def _findings(found: Found) -> Iterable[str]:
    """One line for each problem: ``file:line: what is wrong (the remedy)``."""
    try:
        template: Template = read(found)
    except TemplateError as error:
        yield _line(error.message, error.hint)
        return
    for problem in find_problems(template):
        yield _line(f"{template.path}:{max(problem.line, 1)}: {problem.message}", problem.hint)


def _line(message: str, hint: str | None) -> str:
    return f"{message} ({hint})" if hint else message
