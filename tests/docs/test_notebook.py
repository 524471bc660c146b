"""The notebook of the documentation: it is clean, and its cells run one after the other."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import pytest

from tests.docs.pages import ROOT

NOTEBOOK = json.loads((ROOT / "docs" / "tutorial.ipynb").read_text(encoding="utf-8"))
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_it_is_a_notebook_without_output():
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    assert {(cell["execution_count"], len(cell["outputs"])) for cell in CODE} == {(None, 0)}


def test_its_cells_run(tmp_path, monkeypatch, capsys):
    """As written, but for fewer frames and steps."""
    monkeypatch.chdir(tmp_path)
    notebook = ModuleType("notebook")
    monkeypatch.setitem(sys.modules, "notebook", notebook)  # pydantic looks for the names of option models there
    notebook.__dict__["__name__"] = "notebook"
    shorter = 0
    for cell in CODE:
        source = "".join(cell["source"])
        shorter += source.count('"frames": 16')
        source = source.replace('"frames": 16', '"frames": 6, "sampling": {"steps": 2}')
        exec(compile(source, f"tutorial.ipynb, {cell['id']}", "exec"), notebook.__dict__)  # noqa: S102
    assert shorter == 1
    assert (tmp_path / "runs" / "notebook" / "video.mp4").is_file()
    assert "frames 0-" in notebook.__dict__["result"]._repr_html_()
    printed = capsys.readouterr().out
    for words in ("flicker {'flicker': ", "100% done", "(mine/lean)"):
        assert words in printed


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_it_is_named_where_people_begin(page):
    assert "tutorial.ipynb" in (ROOT / page).read_text(encoding="utf-8")
