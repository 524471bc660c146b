"""``vstar mcp``: tools for agents."""

from __future__ import annotations

from pathlib import Path

import click

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document
from vstar_sdk.cli.streams import handed_over
from vstar_sdk.errors import MissingDependency
from vstar_sdk.spec.defaults import own_guard
from vstar_sdk.spec.guard import Guard


@click.command(cls=Command)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where runs are written, each in a folder of its own.",
)
@click.option("--http", is_flag=True, help="Serve HTTP at /mcp instead of standard input and output.")
@click.option("--host", default="127.0.0.1", show_default=True, help="With --http: the address; all but loopback need a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="With --http: 0 takes a free port.")
@click.option("--token-env", metavar="NAME", help="With --http: environment variable with the token that requests must bring.")
@click.option("--max-models", type=click.IntRange(1), default=1, show_default=True, help="Loaded models that are kept.")
def mcp(folder: Path, http: bool, host: str, port: int, token_env: str | None, max_models: int) -> None:
    """Serve tools for agents over the Model Context Protocol (MCP).

    The tools are plan, synopsis, run, redo, resume, status, preview, cancel, check and parts. Specs are always guarded: they
    reach what the section guard of your config.yaml lists, and earlier runs of the folder.
    """
    try:
        from vstar_sdk.agents.desk import Desk
        from vstar_sdk.agents.server import create_server
        from vstar_sdk.agents.serving import serve
        from vstar_sdk.service.access import access
        from vstar_sdk.service.serving import address, listening
    except ImportError as error:
        raise MissingDependency(
            f"the MCP server needs a package that is not installed: {error.name}", hint="pip install 'vstar-sdk[mcp]'"
        ) from None
    guard = own_guard(wanted=True) or Guard()
    if not http:
        with handed_over():
            create_server(Desk(folder, guard, max_models=max_models)).run("stdio")
        return
    allowed = access(host, token_env=token_env)
    with listening(host, port) as socket:
        document(f"{address(socket)}/mcp\n")
        serve(create_server(Desk(folder, guard, max_models=max_models)), allowed, socket)
