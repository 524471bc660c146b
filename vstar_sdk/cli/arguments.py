"""Arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from vstar_sdk.cli.completion import complete_plugins, complete_specs
from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.runs.naming import check_named
from vstar_sdk.spec.defaults import own_defaults, own_guard
from vstar_sdk.spec.document import Document
from vstar_sdk.spec.guard import Guard
from vstar_sdk.spec.layers import read_document
from vstar_sdk.spec.loading import LoadedSpec, load_spec
from vstar_sdk.spec.overrides import ByOption
from vstar_sdk.spec.sources import is_prompt

F = TypeVar("F", bound=Callable[..., Any])


class OutPath(click.Path):
    """The path of a folder to write to, which an empty text is not.

    Args:
        what: the folder is, in messages.
    """

    def __init__(self, what: str) -> None:
        super().__init__(path_type=Path)
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check and convert it.

        Raises:
            OutputError: it is empty.
        """
        check_named(value, self._what)
        return super().convert(value, param, ctx)


@dataclass(frozen=True)
class SpecArguments:
    """What was written on the command line about a spec.

    Attributes:
        source: a file, ``-`` for standard input, a video that carries its spec, or a prompt of several words; None without one.
        overrides: assignments, in the order in which they count.
        prompt: takes the place of the spec's.
        plugins: names of installed plugins that take part.
        guarded: whether a guard was asked for.
    """

    source: str | None
    overrides: tuple[str, ...] = ()
    prompt: str | None = None
    plugins: tuple[str, ...] = ()
    guarded: bool = False

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return "the prompt" if self.source is None or is_prompt(self.source) else printable(self.source)

    def load(self) -> LoadedSpec:
        """The spec that they describe.

        Raises:
            SpecError: it is wrong, or there is neither a spec nor a prompt.
        """
        return load_spec(**self._written, plugins=self.plugins, guard=self.guard())

    def read(self) -> Document:
        """The spec that they describe, as it is written: nothing of it is validated.

        Raises:
            SpecError: it cannot be read, or there is neither a spec nor a prompt.
        """
        return read_document(**self._written, plugins=self.plugins)

    def guard(self) -> Guard | None:
        """What the spec may reach; None: everything.

        Raises:
            SpecError: the file of defaults is wrong.
        """
        return own_guard(wanted=self.guarded)

    @property
    def _written(self) -> dict[str, Any]:
        if self.source is None and self.prompt is None:
            raise SpecError(
                "nothing to do: name a spec file, or write a prompt", hint='vstar run "a landscape from winter to autumn"'
            )
        if self.source is not None and not self.source.strip():
            raise SpecError("the prompt is empty", hint="write the story in your words, or name a spec file")
        source: str | dict[str, Any] = self.source if self.source is not None else {}
        return {"source": source, "prompt": self.prompt, "overrides": self.overrides, "defaults": own_defaults()}


def guarded_option() -> Callable[[F], F]:
    """``--guarded``."""
    return click.option(
        "--guarded",
        is_flag=True,
        help="For the spec of a stranger: it may reach only what the section guard of your config.yaml lists.",
    )


PLAIN = ("synopsis={use: none}", "regularizers=[]")
"""What ``--plain`` sets: the model alone."""

_OPTIONS = (
    click.option("--prompt", metavar="TEXT", help="The prompt; replaces the spec's."),
    click.option("--seed", type=int, help="Seed of the noise."),
    click.option("--frames", metavar="N", help="Length of the clip: frames (64) or seconds (8s)."),
    click.option("--preset", metavar="NAME", help="A measured preset of scheduler and steps: fast, or draft for a first look."),
    click.option("--plain", is_flag=True, help="Baseline: no key states, no regularizers."),
    click.option(
        "-s",
        "--set",
        "overrides",
        metavar="PATH=VALUE",
        multiple=True,
        help="Change one value of the spec, such as sampling.steps=50. May be repeated.",
    ),
    click.option(
        "-p",
        "--plugin",
        "plugins",
        metavar="NAME",
        multiple=True,
        shell_complete=complete_plugins,
        help="Add an installed plugin to those of the spec. May be repeated.",
    ),
    guarded_option(),
)


def spec_arguments(function: F) -> F:
    """``[SPEC]`` and the options that change it, handed on as one `SpecArguments` named ``given``."""
    return _changed_spec(
        click.argument("source", metavar="[SPEC]", required=False, shell_complete=complete_specs)(function), "source"
    )


def several_specs(function: F) -> F:
    """Any number of ``SPEC`` and the options that change them, handed on as a list of `SpecArguments` named ``given``."""
    argument = click.argument("sources", metavar="[SPEC]...", nargs=-1, shell_complete=complete_specs)
    return _changed_spec(argument(function), "sources")


def _changed_spec(function: F, where: str) -> F:
    @wraps(function)
    def called(
        *args: Any,
        prompt: str | None,
        seed: int | None,
        frames: str | None,
        preset: str | None,
        plain: bool,
        overrides: tuple[str, ...],
        plugins: tuple[str, ...],
        guarded: bool,
        **named: Any,
    ) -> Any:
        numbers = {"--seed": ("seed", seed), "--frames": ("frames", frames), "--preset": ("sampling.preset", preset)}
        written = [ByOption.of(option, f"{path}={value}") for option, (path, value) in numbers.items() if value is not None]
        plainly = [ByOption.of("--plain", one) for one in PLAIN] if plain else []
        changes = (*plainly, *written, *overrides)

        def arguments(source: str | None) -> SpecArguments:
            return SpecArguments(source, changes, prompt, plugins, guarded)

        given: tuple[str, ...] | str | None = named.pop(where)
        if isinstance(given, tuple):
            return function(*args, given=[arguments(source) for source in given or (None,)], **named)
        return function(*args, given=arguments(given), **named)

    for option in reversed(_OPTIONS):
        called = option(called)
    return cast(F, called)
