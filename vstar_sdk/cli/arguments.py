"""Arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from vstar_sdk.errors import SpecError
from vstar_sdk.runs.naming import check_named
from vstar_sdk.spec.loading import LoadedSpec, load_spec


class OutPath(click.Path):
    """The path of a folder to write to, which an empty text is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check and convert it.

        Raises:
            OutputError: it is empty.
        """
        check_named(value)
        return super().convert(value, param, ctx)


F = TypeVar("F", bound=Callable[..., Any])


def spec_arguments(function: F) -> F:
    """``[SPEC] --prompt TEXT --set PATH=VALUE -p NAME``, handed on as ``spec``, ``prompt``, ``overrides`` and ``plugins``."""
    for decorate in (
        click.option(
            "-p",
            "--plugin",
            "plugins",
            metavar="NAME",
            multiple=True,
            help="Let an installed plugin take part, after those of the spec. May be repeated.",
        ),
        click.option(
            "-s",
            "--set",
            "overrides",
            metavar="PATH=VALUE",
            multiple=True,
            help="Change one value of the spec, such as sampling.steps=50. May be repeated.",
        ),
        click.option("--prompt", metavar="TEXT", help="The story in your words; takes the place of the spec's prompt."),
        click.argument("spec", required=False, type=click.Path(path_type=Path)),
    ):
        function = decorate(function)
    return function


def load(spec: Path | None, prompt: str | None, overrides: tuple[str, ...], plugins: tuple[str, ...] = ()) -> LoadedSpec:
    """The spec that the arguments describe.

    Raises:
        SpecError: it is wrong, or there is neither a spec nor a prompt.
    """
    if spec is None and prompt is None:
        raise SpecError(
            "nothing to do: name a spec file, or give --prompt", hint='vstar run --prompt "a landscape from winter to autumn"'
        )
    return load_spec(spec if spec is not None else {}, prompt=prompt, overrides=overrides, plugins=plugins)
