"""``vstar serve``: what it refuses before it listens."""

from __future__ import annotations

import socket
import sys

import pytest
from click.testing import CliRunner

from tests.service.conftest import application
from vstar_sdk.cli.main import cli


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--host", "0.0.0.0"], 2, "a token is required"),  # noqa: S104
        (["--token-env", "NO_SUCH_TOKEN"], 2, "holds no token"),
        (["--limit", "quee=3"], 2, "there is no such limit"),
        (["--limit", "queue=many"], 2, "--limit queue: "),
        (["--model", "wan"], 2, "write NAME=SPEC"),
        (["--model", "wan=nothing.yaml"], 2, "there is no file"),
        (["--allow-origin", "*"], 2, "write scheme and host"),
    ],
)
def test_a_wrong_option_is_told(tmp_path, monkeypatch, words, code, message):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["serve", "--port", "0", *words])
    assert message in done.output
    assert done.exit_code == code
    assert list(tmp_path.iterdir()) == []


def test_a_port_or_folder_of_another_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, service = application(tmp_path / "service")
    done = CliRunner().invoke(cli, ["serve", "--port", "0"])
    assert (done.exit_code, "another service uses the folder service" in done.output) == (7, True)
    service.close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = CliRunner().invoke(cli, ["serve", "--port", str(taken.getsockname()[1])])
    assert (done.exit_code, "cannot listen at 127.0.0.1" in done.output) == (7, True)


def test_without_the_extra_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "vstar_sdk.service.app", None)
    done = CliRunner().invoke(cli, ["serve"])
    assert (done.exit_code, "pip install 'vstar-sdk[server]'" in done.output) == (3, True)
