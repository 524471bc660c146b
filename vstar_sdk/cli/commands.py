"""Commands whose stdout holds what they print, and nothing that a plugin prints."""

from __future__ import annotations

from typing import Any

import click

from vstar_sdk.cli.streams import apart


class Command(click.Command):
    """A command that keeps its stdout apart while it works."""

    def invoke(self, ctx: click.Context) -> Any:
        """Call it."""
        with apart():
            return super().invoke(ctx)


class Group(click.Group):
    """A group of such commands; what it does itself should be done in `apart`."""

    command_class = Command
