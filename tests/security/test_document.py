"""docs/security.md names tests that exist, and shows what is so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from vstar_sdk.spec.guard import Guard, Guarding

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`((?:tests|plugins)/[\w/.-]+\.py)::(\w+)`", PAGE)


def test_every_promise_has_a_test():
    rows = [
        line
        for table in re.findall(r"^\| promise \| test \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.M)
        for line in table.splitlines()
    ]
    assert len(rows) >= 25
    assert [row for row in rows if "::test_" not in row and not row.endswith("| the same |")] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_is_named_exists(file, name):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    assert len(found) == 1
    marks = " ".join(map(ast.unparse, found[0].decorator_list))
    assert "skip" not in marks.replace("skipif", "")
    assert "slow" not in marks


def test_all_tests_of_this_room_about_promises_are_named():
    own = {
        (path.relative_to(ROOT).as_posix(), node.name)
        for path in Path(__file__).parent.glob("test_[cp]*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert {name for _, name in own - {*NAMED}} == {
        "test_the_watch_sees_sockets_writes_and_those_of_children",
        "test_malice_works_where_a_pickle_is_read",
    }


def test_what_it_shows_is_so(capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    said, section = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    exec(code, {"__name__": "shown"})  # noqa: S102
    assert capsys.readouterr().out == said
    assert Guarding.model_validate(yaml.safe_load(section)["guard"]).guard().output == Path("/srv/runs")
    assert set(Guard.model_fields) <= set(re.findall(r"`(\w+)`", PAGE))
