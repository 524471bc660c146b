"""The tools for agents, used by the official client."""

from __future__ import annotations

import base64
import io
import json
import sys

import anyio
import pytest
from mcp import Client, StdioServerParameters
from PIL import Image

from vstar_sdk import Guard
from vstar_sdk.agents.desk import Desk
from vstar_sdk.agents.server import create_server

SPEC = {"prompt": "a landscape from winter to autumn", "frames": 6, "sampling": {"steps": 2}}
LONG = SPEC | {"sampling": {"steps": 900}}
TOOLS = {"plan", "synopsis", "parts", "run", "redo", "resume", "status", "preview", "cancel", "check"}


@pytest.fixture
def using(tmp_path):
    """Runs an async function with a client of a server in this process."""

    def use(work, guard=None):
        async def connected():
            async with Client(create_server(Desk(tmp_path / "runs", guard or Guard()))) as client:
                return await work(client)

        return anyio.run(connected)

    return use


def said(result):
    assert not result.is_error, result.content[0].text
    return json.loads(result.content[0].text)


def refused(result):
    assert result.is_error
    return result.content[0].text


def picture(content):
    return Image.open(io.BytesIO(base64.b64decode(content.data)))


def test_a_story_is_planned_made_looked_at_changed_and_measured(using, tmp_path):
    told = []

    async def progress(done, total, message):
        told.append((done, total, message))

    async def work(client):
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        plan = said(await client.call_tool("plan", {"spec": SPEC}))
        assert "6 frames of 64x64" in plan["summary"]
        states = said(await client.call_tool("synopsis", {"spec": SPEC}))["states"]
        assert [state["caption"] for state in plan["synopsis"]["states"]] == [state["caption"] for state in states]

        made = await client.call_tool("run", {"spec": SPEC}, progress_callback=progress)
        first = said(made)
        assert first["state"] == "done"
        assert (tmp_path / "runs" / first["run"] / "video.mp4").is_file()
        assert picture(made.content[1]).format == "PNG"
        assert said(await client.call_tool("status", {"run": first["run"]})) == first

        again = await client.call_tool("redo", {"run": first["run"], "state": 2, "caption": "a landscape in deep snow"})
        synopsis = json.loads((tmp_path / "runs" / said(again)["run"] / "synopsis.json").read_text())
        assert synopsis["states"][1]["caption"] == "a landscape in deep snow"

        expect = {"run": first["run"], "expect": ["flicker < 0.9", "change > 0.99"]}
        checked = said(await client.call_tool("check", expect))
        assert [one["kept"] for one in checked["expect"]] == [True, False]
        assert checked["kept"] is False

    using(work)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][0] == 1
    assert any("sampling" in message or "loading" in message for _, _, message in told)


def test_a_run_is_followed_shown_stopped_and_gone_on_with(using):
    async def work(client):
        name = said(await client.call_tool("run", {"spec": LONG, "wait": False}))["run"]
        with anyio.fail_after(120):
            while True:
                shown = await client.call_tool("preview", {"run": name})
                if shown.content[0].type == "image":
                    break
                await anyio.sleep(0.1)
        assert picture(shown.content[0]).format == "JPEG"
        state = said(await client.call_tool("status", {"run": name}))
        assert state["state"] == "running"
        assert 0 < state["progress"] < 1
        await client.call_tool("cancel", {"run": name})
        with anyio.fail_after(120):
            while (state := said(await client.call_tool("status", {"run": name})))["state"] == "running":
                await anyio.sleep(0.1)
        assert state["state"] == "cancelled"

    using(work)


def test_what_is_wrong_is_told_with_what_to_do(using):
    async def work(client):
        wrong = refused(await client.call_tool("plan", {"spec": SPEC | {"framse": 3}}))
        assert "unknown key 'framse'. Did you mean 'frames'?" in wrong
        assert "there is no run '../../etc'" in refused(await client.call_tool("status", {"run": "../../etc"}))
        assert "there is no run 'deadbeef'" in refused(await client.call_tool("redo", {"run": "deadbeef", "state": 1}))
        assert "kinds are models" in refused(await client.call_tool("parts", {"kind": "modles"}))
        assert "tar" in said(await client.call_tool("parts", {"kind": "regularizers"}))["regularizers"]

    using(work)


def test_specs_of_agents_are_guarded(using, tmp_path):
    secret = tmp_path / "secret.jinja"
    secret.write_text("{{ prompt }}")

    async def work(client):
        for spec in (
            {"prompt": "x", "model": {"use": "wan", "path": str(tmp_path)}},
            {"prompt": "x", "synopsis": {"use": "llm", "template": str(secret), "backend": {"use": "anthropic", "model": "m"}}},
            {"prompt": "x", "regularizers": [{"use": "example/none"}]},
            SPEC | {"start": {"from": str(tmp_path)}},
        ):
            assert refused(await client.call_tool("plan", {"spec": spec}))
        name = said(await client.call_tool("run", {"spec": SPEC}))["run"]
        wrong = refused(await client.call_tool("check", {"run": name, "metrics": ["example/none"]}))
        assert "example" in wrong

    using(work)


@pytest.mark.slow
def test_over_standard_streams_what_a_plugin_prints_does_no_harm(tmp_path):
    async def work():
        arguments = ["-m", "vstar_sdk.cli.main", "mcp", "--folder", str(tmp_path)]
        parameters = StdioServerParameters(command=sys.executable, args=arguments)
        async with Client(parameters) as client:
            return said(await client.call_tool("run", {"spec": SPEC}))["state"]

    assert anyio.run(work) == "done"
