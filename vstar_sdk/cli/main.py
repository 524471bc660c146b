"""The command ``vstar``: its commands by name, each imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys
import time
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from vstar_sdk.cli.commands import VERBOSE, verbose_option
from vstar_sdk.cli.interrupts import ended_by_signals, exit_code
from vstar_sdk.cli.plugin_commands import load, off_because, plugin_commands, summary
from vstar_sdk.cli.streams import take_process
from vstar_sdk.errors import OutputError
from vstar_sdk.plugin.switches import DENY
from vstar_sdk.reading.escapes import escaped, printable


class Lazy(NamedTuple):
    """A command before its module is imported."""

    target: str
    summary: str


COMMANDS = {
    "run": Lazy("vstar_sdk.cli.run:run", "Make a video from a spec file or a prompt."),
    "plan": Lazy("vstar_sdk.cli.plan:plan", "Show what a run will do, and its memory and time."),
    "synopsis": Lazy("vstar_sdk.cli.synopsis:synopsis", "Show the key states and their frames."),
    "validate": Lazy("vstar_sdk.cli.validate:validate", "Check a spec without running it."),
    "show": Lazy("vstar_sdk.cli.show:show", "Print the spec that a video carries."),
    "open": Lazy("vstar_sdk.cli.show:open_result", "Open a result in the system's viewer."),
    "resume": Lazy("vstar_sdk.cli.resume:resume", "Continue interrupted or paused runs."),
    "redo": Lazy("vstar_sdk.cli.rework:redo", "Regenerate one state of a finished run, and keep the rest."),
    "extend": Lazy("vstar_sdk.cli.rework:extend", "Extend a finished run at its end."),
    "undo": Lazy("vstar_sdk.cli.history:undo", "Undo a redo or an extend."),
    "history": Lazy("vstar_sdk.cli.history:history", "Show the runs that a run continues, and what each changed."),
    "rerun": Lazy("vstar_sdk.cli.rerun:rerun", "Make a finished run again, and compare the frames."),
    "transfer": Lazy("vstar_sdk.cli.transfer:transfer", "Make a video at the pace of a real clip."),
    "sweep": Lazy("vstar_sdk.cli.sweep:sweep", "Make many videos from a spec with a key 'sweep'."),
    "status": Lazy("vstar_sdk.cli.status:status", "Show the progress of a sweep."),
    "compare": Lazy("vstar_sdk.cli.compare:compare", "Compare runs on a page and a picture."),
    "diff": Lazy("vstar_sdk.cli.diff:diff", "Show the differences between two specs, runs or videos."),
    "check": Lazy("vstar_sdk.cli.check:check", "Measure a finished video, and test conditions on it."),
    "score": Lazy("vstar_sdk.cli.score:score", "Score a part of a run against the truth of the embedded world."),
    "analyze": Lazy("vstar_sdk.cli.analyze:analyze", "Look at attention maps, and at what each level does."),
    "serve": Lazy("vstar_sdk.cli.serve:serve", "Serve videos over HTTP."),
    "mcp": Lazy("vstar_sdk.cli.mcp:mcp", "Serve tools for agents (MCP)."),
    "models": Lazy("vstar_sdk.cli.models:models", "List the video models."),
    "parts": Lazy("vstar_sdk.cli.parts:parts", "List the parts that a spec can name."),
    "templates": Lazy("vstar_sdk.cli.templates:templates", "List, show, render and check synopsis templates."),
    "plugins": Lazy("vstar_sdk.cli.plugins:plugins", "List the installed plugins and their health."),
    "convert": Lazy("vstar_sdk.cli.convert:convert", "Convert a checkpoint into a directory that runs."),
    "doctor": Lazy("vstar_sdk.cli.doctor:doctor", "Show versions, devices, caches, and what is missing."),
    "schema": Lazy("vstar_sdk.cli.schema:schema", "Print the JSON Schema of specs, for editors."),
    "new": Lazy("vstar_sdk.cli.new:new", "Write a first spec or plugin."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and summaries, and imports one only to call it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of a first visit; then those of plugins."""
        return [*COMMANDS, *plugin_commands(COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            claims = plugin_commands(COMMANDS).get(cmd_name)
            return load(cmd_name, claims) if claims else None
        module, _, attribute = COMMANDS[cmd_name].target.partition(":")
        return getattr(importlib.import_module(module), attribute)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelled one is told its nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            import difflib

            if off := off_because(args[0]):
                raise click.UsageError(f"the command '{args[0]}' is a plugin's, and switched off: {off}", ctx) from None
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            if near:
                raise click.UsageError(f"there is no command '{args[0]}'. Did you mean '{near[0]}'?", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands from their summaries alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])
        if others := plugin_commands(COMMANDS):
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(printable(name), printable(summary(claims))) for name, claims in others.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of commands without importing one."""
        names = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:
            raise _shown(error) from None
        except KeyboardInterrupt as interrupt:
            raise click.exceptions.Exit(exit_code(interrupt)) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; errors become messages for people."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise _shown(error) from None
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt as interrupt:
            ctx.exit(exit_code(interrupt))
        except Exception as error:
            from vstar_sdk.cli.failure import Failure

            raise Failure(error, traceback=VERBOSE in ctx.meta) from error


def _shown(error: click.ClickException) -> click.ClickException:
    """The error, what was typed in it escaped."""
    vars(error)["message"] = escaped(error.message)
    return error


def _no_plugins(ctx: click.Context, _: click.Parameter, chosen: bool) -> None:
    """Switch all plugins off, for this command and whatever it starts."""
    if chosen:
        before = os.environ.get(DENY)
        os.environ[DENY] = "*"
        ctx.call_on_close(lambda: os.environ.pop(DENY) if before is None else os.environ.__setitem__(DENY, before))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--no-plugins", is_flag=True, is_eager=True, expose_value=False, callback=_no_plugins, help="Disable all plugins.")
@click.version_option(None, "--version", package_name="vstar-sdk", message="%(package)s %(version)s")
def cli() -> None:
    """Longer, changing stories from open text-to-video models."""


cli.params.append(verbose_option())


def main() -> None:
    """Entry point of the command ``vstar``."""
    # The time of a run counts from here, less what the interpreter took to get here: the processor time of the process.
    began = time.perf_counter() - time.process_time()
    take_process()
    with ended_by_signals():
        try:
            cli(obj=began)
        except OutputError as error:  # of a help page
            from vstar_sdk.cli.failure import Failure

            failure = Failure(error)
            failure.show()
            sys.exit(failure.exit_code)


if __name__ == "__main__":
    main()
