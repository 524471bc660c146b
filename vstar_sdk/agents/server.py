"""The MCP server: each tool is one function, and its docstring is what the agent reads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from vstar_sdk.agents.desk import Desk
from vstar_sdk.agents.pictures import picture_of
from vstar_sdk.errors import VstarError
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.runs.checking import check as check_film
from vstar_sdk.runs.progress import words
from vstar_sdk.runs.reworking import redone
from vstar_sdk.runs.story import synopsis_data
from vstar_sdk.spec.loading import load_spec

T = TypeVar("T")

INSTRUCTIONS = """\
Makes videos that tell a changing story, each from one spec. A spec is an object as in a YAML file: at least
{"prompt": "a landscape from winter to autumn"}, and optionally frames, seed, model, synopsis, regularizers, sampling, output,
expect. The model "miniworld" runs anywhere; the tool parts lists what is installed. Call plan first: it checks the spec and loads
no model. run waits and reports progress; with wait=false it returns at once, and status and preview follow the run."""


def create_server(desk: Desk) -> MCPServer:
    """The server; it closes the desk at its end.

    Args:
        desk: where the runs are.
    """

    @asynccontextmanager
    async def lifespan(server: MCPServer) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(desk.close)

    server = MCPServer("vstar", instructions=INSTRUCTIONS, version=version("vstar-sdk"), lifespan=lifespan)
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    makes = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)

    @server.tool(annotations=reads)
    async def plan(spec: dict[str, Any]) -> dict[str, Any]:
        """Check a spec and say what it makes: key states, frames, attention, memory, time. Loads no model, writes nothing."""

        def planned() -> dict[str, Any]:
            made = desk.session.plan(spec)
            story = None if made.story is None else dict(synopsis_data(made.story))
            return {"summary": made.summary(), "warnings": list(made.warnings(made.story)), "synopsis": story}

        return await _done(planned)

    @server.tool(annotations=reads)
    async def synopsis(spec: dict[str, Any]) -> dict[str, Any]:
        """Write the key states of a spec and where they stand; asks the language model that the spec names, if it names one."""
        return await _done(lambda: dict(synopsis_data(desk.session.plan(spec).tell_story())))

    @server.tool(annotations=reads)
    async def parts(kind: str | None = None) -> dict[str, Any]:
        """The installed parts that a spec can name (models, regularizers, ...) with a line on each; of one kind or of all."""
        return await _done(partial(_parts, kind))

    @server.tool(annotations=makes, structured_output=False)
    async def run(spec: dict[str, Any], context: Context, wait: bool = True) -> list[Any]:
        """Make the video of a spec. Waits for its end and reports progress, then returns its files, numbers and a contact sheet;
        with wait=false it returns the run's name at once."""
        return await _started(desk, lambda: desk.start(spec), context, wait)

    @server.tool(annotations=makes, structured_output=False)
    async def redo(
        run: str, state: int, context: Context, caption: str | None = None, seed: int | None = None, wait: bool = True
    ) -> list[Any]:
        """Make the frames of one key state (its number, from 1) of a finished run again and keep all others, with another
        caption or seed. The result is a new run."""

        def start() -> str:
            return desk.start(redone(desk.directory(run), state, caption=caption, seed=seed, guard=desk.guard))

        return await _started(desk, start, context, wait)

    @server.tool(annotations=makes, structured_output=False)
    async def resume(run: str, context: Context, wait: bool = True) -> list[Any]:
        """Go on with a run that was interrupted or cancelled; it gives the same frames as an undisturbed run."""
        return await _started(desk, lambda: desk.resume(run), context, wait)

    @server.tool(annotations=reads)
    async def status(run: str) -> dict[str, Any]:
        """How far a run is; of one that is done, its directory, files, numbers and warnings."""
        return await _done(lambda: desk.state(run))

    @server.tool(annotations=reads, structured_output=False)
    async def preview(run: str) -> list[Any]:
        """What the clip of a run is going to be; of one that is done, its contact sheet or its first frame."""
        return await _done(lambda: [_image(desk, run) or f"run {run} has nothing to show yet"])

    @server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False))
    async def cancel(run: str) -> dict[str, Any]:
        """Stop a run: at once in the queue, else at its next step. What it has computed stays, for resume."""

        def cancelled() -> dict[str, Any]:
            if (watched := desk.watched(run)) is not None:
                watched.job.cancel()
            return desk.state(run)

        return await _done(cancelled)

    @server.tool(annotations=reads)
    async def check(run: str, expect: Sequence[str] = (), metrics: Sequence[str] = ()) -> dict[str, Any]:
        """Measure the video of a finished run: metrics such as flicker, change, seam, and conditions such as "change > 0.05"."""

        def checked() -> dict[str, Any]:
            found = check_film(desk.directory(run), metrics, expect, guard=desk.guard)
            return {"numbers": dict(found.numbers), "kept": found.kept, "expect": [one.json() for one in found.verdicts]}

        return await _done(checked)

    return server


async def _done(work: Callable[[], T]) -> T:
    """What a function returns, called in a thread; its errors, with what to do about them, for the agent."""
    try:
        return await anyio.to_thread.run_sync(work)
    except VstarError as error:
        raise ToolError(f"{error}\nhint: {error.hint}" if error.hint else str(error)) from error


async def _started(desk: Desk, start: Callable[[], str], context: Context, wait: bool) -> list[Any]:
    """Start a run and, if it is to be waited for, report until its end. A caller who gives up cancels it."""
    name = await _done(start)
    watched = desk.watched(name)
    if watched is None or not wait:
        return [await _done(lambda: desk.state(name))]
    said = ""
    try:
        async for event in watched.job:
            if (now := words(event)) is not None:
                said = now
                await context.report_progress(watched.job.progress, 1.0, said)
        with suppress(Exception):  # told below
            await anyio.to_thread.run_sync(watched.job.result)
    except BaseException:
        watched.job.cancel()
        raise
    state = await _done(lambda: desk.state(name))
    if watched.job.state == "failed" and state["state"] != "not as expected":
        raise ToolError(f"run {name}: {said}")
    return [state, *([image] if (image := await _done(lambda: _image(desk, name))) is not None else [])]


def _image(desk: Desk, name: str) -> Image | None:
    found = picture_of(desk.directory(name), desk.watched(name))
    return None if found is None else Image(data=found[0], format=found[1])


def _parts(kind: str | None) -> dict[str, Any]:
    if kind is not None and kind not in KINDS:
        raise ToolError(f"there is no kind {kind!r}; kinds are {', '.join(KINDS)}")
    catalog = load_spec({"synopsis": {"states": ["-"]}}).catalog
    wanted = KINDS if kind is None else (kind,)
    return {one: {part.name: part.summary for part in catalog.parts(one)} for one in wanted}
