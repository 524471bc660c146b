"""docs/plugins/testing.md: every check and every fixture is on the page, and its tests pass."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

from tests.plugin.conftest import packages as packages
from tests.plugin.test_document import KIND_PAGES, blocks, modules
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.testing import fixtures

PAGE = (Path(__file__).parents[2] / "docs" / "plugins" / "testing.md").read_text(encoding="utf-8")


def test_the_check_of_every_kind_is_in_the_table():
    rows = re.findall(r"^\| ([\w ]+) \| `(\w+)\.(check_\w+)` \|", PAGE, re.MULTILINE)
    assert [(word, f"vstar_sdk.testing.{module}:{name}") for word, module, name in rows] == [
        (kind.word, kind.check) for kind in KINDS.values()
    ]


def test_every_fixture_is_in_the_table():
    kind = type(fixtures.tiny_model)
    made = {name for name, thing in vars(fixtures).items() if isinstance(thing, kind) and not name.startswith("_")}
    assert "language_model" in made
    assert made == set(re.findall(r"^\| `(\w+)[`(]", PAGE.partition("| fixture |")[2], re.MULTILINE))


@pytest.fixture
def acme(packages):
    """The plugin of the pages on regularizers and templates, in a folder on the path."""
    folder = packages.folder / "vstar_acme"
    folder.mkdir()
    regularizer, template = (KIND_PAGES[name] for name in ("regularizer", "template"))
    entry = "\n".join(modules(page)["vstar_acme/__init__.py"] for page in (regularizer, template))
    (folder / "__init__.py").write_text(entry)
    (folder / "lean.py").write_text(modules(regularizer)["vstar_acme/lean.py"])
    (folder / "haiku.jinja").write_text(blocks("jinja", template)[0])
    yield
    for module in [name for name in sys.modules if name.partition(".")[0] == "vstar_acme"]:
        del sys.modules[module]


@pytest.mark.parametrize("name", ["tests/test_acme.py", "tests/test_videos.py"])
def test_the_tests_of_the_page_pass(acme, name, request, factorised_model, joint_model):
    names: dict[str, object] = {}
    exec(compile(modules(PAGE)[name], name, "exec"), names)  # noqa: S102
    functions = [thing for thing in names.values() if inspect.isfunction(thing) and thing.__name__.startswith("test_")]
    assert len(functions) == 2
    for function in functions:
        wanted = inspect.signature(function).parameters
        for model in (factorised_model, joint_model) if "tiny_model" in wanted else (None,):
            given = {one: request.getfixturevalue(one) for one in wanted if one != "tiny_model"}
            function(**given, **({} if model is None else {"tiny_model": model}))
