"""The tools over HTTP: the official client gets in, strange names and pages do not."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import httpx2
import pytest
import uvicorn
from mcp import Client

from vstar_sdk import Guard
from vstar_sdk.agents.desk import Desk
from vstar_sdk.agents.server import create_server
from vstar_sdk.agents.serving import application
from vstar_sdk.service.access import access
from vstar_sdk.service.serving import address, listening

TOKEN = "a-token-of-some-length-0123456789"


@pytest.fixture(params=[None, "VSTAR_TOKEN"])
def served(request, tmp_path):
    """The address of a server on loopback, with and without a token."""
    allowed = access("127.0.0.1", token_env=request.param, environment={"VSTAR_TOKEN": TOKEN})
    app = application(create_server(Desk(tmp_path / "runs", Guard())), allowed)
    with listening("127.0.0.1", 0) as socket:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        yield f"{address(socket)}/mcp", request.param is not None
        server.should_exit = True
        thread.join()


def test_the_official_client_uses_it_and_others_are_turned_away(served):
    url, guarded = served
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    bearer = {"Authorization": f"Bearer {TOKEN}"} if guarded else {}
    assert httpx2.post(url, json=ask, headers={**bearer, "Host": "evil.example"}).status_code == 421
    assert httpx2.post(url, json=ask, headers={**bearer, "Origin": "https://evil.example"}).status_code == 403
    if guarded:
        assert httpx2.post(url, json=ask).status_code == 401
        return

    async def work():
        async with Client(url) as client:
            assert "run" in {tool.name for tool in (await client.list_tools()).tools}
            found: Any = await client.call_tool("parts", {"kind": "regularizers"})
            assert "tar" in found.content[0].text

    anyio.run(work)
