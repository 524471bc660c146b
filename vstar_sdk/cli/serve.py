"""``vstar serve``: the HTTP service."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from vstar_sdk.cli.commands import Command
from vstar_sdk.cli.printing import document
from vstar_sdk.errors import MissingDependency, SpecError
from vstar_sdk.reading.escapes import printable
from vstar_sdk.spec.defaults import own_defaults, own_guard
from vstar_sdk.spec.document import read
from vstar_sdk.spec.guard import Guard

if TYPE_CHECKING:
    from vstar_sdk.service.limits import Limits


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; others than loopback need a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("service"),
    show_default=True,
    help="Where jobs and videos are kept; a service that starts there again goes on with them.",
)
@click.option("--token-env", metavar="NAME", help="Environment variable with the token that requests must bring.")
@click.option("--allow-host", "names", metavar="NAME", multiple=True, help="Another host name of the service. May be repeated.")
@click.option("--allow-origin", "origins", metavar="ORIGIN", multiple=True, help="Pages of this origin may use it (CORS).")
@click.option(
    "--model",
    "models",
    metavar="NAME=SPEC",
    multiple=True,
    help="A model that requests can name, and the spec file with its settings. The first is the default. May be repeated.",
)
@click.option(
    "--limit", "limits", metavar="NAME=N", multiple=True, help="Change a limit, such as queue=20. docs/service.md lists them."
)
@click.option("--max-models", type=click.IntRange(1), default=1, show_default=True, help="Loaded models that are kept.")
def serve(
    host: str,
    port: int,
    folder: Path,
    token_env: str | None,
    names: tuple[str, ...],
    origins: tuple[str, ...],
    models: tuple[str, ...],
    limits: tuple[str, ...],
    max_models: int,
) -> None:
    """Serve videos over HTTP: the videos API of OpenAI, whole specs, a queue, events.

    Specs of clients are always guarded: they reach what the section guard of your config.yaml lists, else nothing. The address is
    printed once it listens. Ctrl-C interrupts the job under way, and the next start continues it.
    """
    try:
        from vstar_sdk.service.access import access
        from vstar_sdk.service.app import create_app
        from vstar_sdk.service.metrics import Metrics
        from vstar_sdk.service.service import Service
        from vstar_sdk.service.serving import Server, address, listening
    except ImportError as error:
        raise MissingDependency(
            f"the service needs a package that is not installed: {error.name}", hint="pip install 'vstar-sdk[server]'"
        ) from None
    allowed = access(host, token_env=token_env, names=names, origins=origins)
    bases = dict(_base(written) for written in models)
    metrics = Metrics()
    with listening(host, port) as socket:
        service = Service(
            folder,
            guard=own_guard(wanted=True) or Guard(),
            defaults=own_defaults(),
            limits=_limits(limits),
            max_models=max_models,
            on_end=metrics.ended,
        )
        server = Server(create_app(service, allowed, metrics, bases), service)
        document(f"{address(socket)}\n")
        hangup = signal.signal(signal.SIGHUP, server.handle_exit) if hasattr(signal, "SIGHUP") else None
        try:
            server.run(sockets=[socket])
        finally:
            service.close()
            if hangup is not None:
                signal.signal(signal.SIGHUP, hangup)


def _base(written: str) -> tuple[str, Mapping[str, Any]]:
    """A model that requests can name, and its spec."""
    name, equals, path = written.partition("=")
    if not equals or not name or not path:
        raise SpecError(f"--model {printable(written)}: write NAME=SPEC, such as wan=specs/wan/t2v-1.3b.yaml")
    return name, read(Path(path)).data


def _limits(written: tuple[str, ...]) -> Limits:
    """The limits, some of them changed."""
    from vstar_sdk.service.limits import Limits

    pairs = [one.partition("=") for one in written]
    for name, _, _ in pairs:
        if name not in Limits.model_fields:
            raise SpecError(
                f"--limit {printable(name)}: there is no such limit", hint=f"limits are {', '.join(Limits.model_fields)}"
            )
    try:
        return Limits.model_validate({name: value for name, _, value in pairs})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SpecError(f"--limit {first['loc'][0]}: {first['msg']}") from None
