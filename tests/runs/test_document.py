"""The examples of docs/python.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("source", re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
def test_an_example_runs(source, capsys):
    names: dict[str, object] = {}
    exec(compile(source, "docs/python.md", "exec"), names)  # noqa: S102
    told = capsys.readouterr().out
    assert "8 frames of 64x64" in told or '"kind": "run_end"' in told
