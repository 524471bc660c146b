"""What is imported while a synopsis is written."""

from __future__ import annotations

import dataclasses
import sys
import threading
from types import SimpleNamespace

import pytest

from vstar_sdk.runs.ahead import imports_ahead
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec

NAME = "a_model_of_their_own"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A plan whose model imports a module that says in which thread it was imported."""
    (tmp_path / f"{NAME}.py").write_text("import threading\nimported_by = threading.current_thread().name\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    made = make_plan(load_spec({"prompt": "a volcano wakes up", "frames": 4}))
    return dataclasses.replace(made, source=SimpleNamespace(modules=(NAME,)))


def test_while_a_writer_is_waited_for_a_thread_imports(plan):
    with imports_ahead(dataclasses.replace(plan, story=None)):
        pass
    assert sys.modules[NAME].imported_by == "vstar-imports"
    assert "vstar-imports" not in {thread.name for thread in threading.enumerate()}


def test_where_the_story_is_there_nothing_is_imported_ahead(plan):
    with imports_ahead(plan):
        pass
    assert NAME not in sys.modules


def test_a_module_that_is_not_there_is_left_to_whoever_needs_it(plan):
    with imports_ahead(dataclasses.replace(plan, story=None, source=SimpleNamespace(modules=("no_such_module", NAME)))):
        pass
    assert NAME not in sys.modules
