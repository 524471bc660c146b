"""Each page of docs/plugins is a whole example: its package alone is installed, its test passes, its spec is planned."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

from tests.plugin.test_document import KIND_PAGES, blocks, modules
from vstar_sdk import load_spec
from vstar_sdk.plugin.kinds import KINDS
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.document import read
from vstar_sdk.sweeps.planning import plan_sweep

ROOT = Path(__file__).parents[2]


def test_every_kind_has_its_page():
    shown = "\n".join(KIND_PAGES.values())
    assert [kind.hook for kind in KINDS.values() if f"def {kind.hook}(register" not in shown] == []


@pytest.fixture(params=KIND_PAGES)
def page(request, packages, tiny_pipeline_dir, tmp_path, monkeypatch):
    """A page; what it shows is installed as the plugin acme."""
    text = KIND_PAGES[request.param]
    files = modules(text) | {
        f"vstar_acme/{name}.jinja": shown for name, shown in zip(["haiku"], blocks("jinja", text), strict=False)
    }
    for name, source in files.items():
        (packages.folder / name).parent.mkdir(exist_ok=True)
        (packages.folder / name).write_text(source)
    packages.add(distribution="vstar-acme", version="1.0", points="[vstar_sdk]\nacme = vstar_acme")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").symlink_to(tiny_pipeline_dir)
    monkeypatch.chdir(tmp_path)
    yield text
    for module in [name for name in sys.modules if name.partition(".")[0] in ("vstar_acme", "vstar_oak")]:
        del sys.modules[module]


def test_its_spec_is_planned_and_its_test_passes(page, tmp_path, tmp_path_factory, monkeypatch, tiny_pipeline_dir):
    (spec,) = blocks("yaml", page)
    (tmp_path / "story.yaml").write_text(spec)
    assert re.search(r"acme/[a-z]+", spec)
    if "sweep:" in spec:
        plan_sweep(read(tmp_path / "story.yaml"), tmp_path / "sweep").make_executor()
    else:
        make_plan(load_spec(tmp_path / "story.yaml"))
    given = {"tmp_path": tmp_path_factory.mktemp("empty"), "monkeypatch": monkeypatch, "tiny_directory": tiny_pipeline_dir}
    (test,) = [source for name, source in modules(page).items() if name.startswith("tests/")]
    names: dict[str, object] = {}
    exec(compile(test, "tests/test_acme.py", "exec"), names)  # noqa: S102
    (function,) = [thing for name, thing in names.items() if name.startswith("test_") and inspect.isfunction(thing)]
    function(**{name: given[name] for name in inspect.signature(function).parameters})


def test_its_entry_point_is_a_part_of_the_page_on_plugins(page):
    """The package of docs/hooks.md is all pages together: what stands in both is the same."""
    whole = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    entry = modules(page)["vstar_acme/__init__.py"]
    for chunk in entry.split("\n\n\n")[1:]:
        assert chunk.strip() in whole
    assert importlib.import_module("vstar_acme")


def test_the_whole_source_of_the_page_is_the_stranger():
    shown = modules(KIND_PAGES["model-source"])["vstar_oak/__init__.py"].removeprefix("# vstar_oak/__init__.py\n")
    assert shown == (ROOT / "tests" / "models" / "stranger" / "vstar_oak" / "__init__.py").read_text(encoding="utf-8")
