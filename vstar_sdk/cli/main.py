"""The command ``vstar``: its commands by name, each imported when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any, NamedTuple

import click


class Lazy(NamedTuple):
    """A command before its module is imported."""

    target: str
    summary: str


COMMANDS = {
    "run": Lazy("vstar_sdk.cli.run:run", "Make a video from a spec file or a prompt."),
    "synopsis": Lazy("vstar_sdk.cli.synopsis:synopsis", "Show the key states and the frames that they rule."),
    "validate": Lazy("vstar_sdk.cli.validate:validate", "Check a spec without running it."),
    "models": Lazy("vstar_sdk.cli.models:models", "List the video models."),
    "new": Lazy("vstar_sdk.cli.new:new", "Write a file to begin with."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and summaries, and imports one only to call it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of a first visit."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].target.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelled one is told its nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            if near:
                raise click.UsageError(f"there is no command '{args[0]}'. Did you mean '{near[0]}'?", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands from their summaries alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; errors become messages for people."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            ctx.exit(130)
        except Exception as error:
            from vstar_sdk.cli.failure import Failure

            raise Failure(error, traceback=bool(ctx.params.get("verbose"))) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="Show tracebacks and log messages.")
@click.version_option(None, "--version", package_name="vstar-sdk", message="%(package)s %(version)s")
def cli(verbose: bool) -> None:
    """Longer, changing stories from open text-to-video models."""
    if verbose:
        import logging

        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")


def main() -> None:
    """Entry point of the command ``vstar``."""
    cli()


if __name__ == "__main__":
    main()
