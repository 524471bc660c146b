"""docs/service.md runs as it is written, and names what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.service.conftest import served
from vstar_sdk.service.fields import VideoFields
from vstar_sdk.service.limits import Limits

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
def test_the_programs_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    with served(tmp_path / "service") as address:
        for program in programs:
            exec(compile(program.replace("http://127.0.0.1:8000", address), "docs/service.md", "exec"), {})  # noqa: S102
    assert len(programs) == 3
    assert (tmp_path / "volcano.mp4").read_bytes()[4:8] == b"ftyp"
    assert "event: run_end" in capsys.readouterr().out


def test_every_threat_has_tests_that_exist():
    (table,) = re.findall(r"^\| threat \| what holds \| test \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert len(table.splitlines()) >= 18
    for row in table.splitlines():
        named = re.findall(r"`(tests/service/\w+\.py)::(\w+)`", row)
        assert named, row
        for file, name in named:
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            (found,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
            assert "slow" not in " ".join(map(ast.unparse, found.decorator_list)), name


def test_limits_and_fields_are_those_of_the_code():
    rows = dict(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([0-9, ]+) \|", PAGE, re.MULTILINE))
    shown = {
        name: float(value)
        for names, values in rows.items()
        for name, value in zip(re.findall(r"\w+", names), values.split(", "), strict=True)
    }
    assert shown == {name: float(value) for name, value in Limits().model_dump().items()}
    assert [name for name in VideoFields.model_fields if f"`{name}`" not in PAGE] == []


def test_every_route_is_on_the_page(client):
    paths = {
        re.sub(r"\{\w+(:path)?\}", "ID", path.replace("{key}", "KEY")) for path in client.get("/openapi.json").json()["paths"]
    }
    missing = [path for path in paths if path.removeprefix("/v1/runs/ID") not in PAGE and path not in PAGE]
    assert [path for path in missing if not path.startswith("/v1/runs/ID/files")] == []
