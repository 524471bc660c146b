"""The preset specs fit their models; docs/models.md shows what the code takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vstar_sdk import load_spec
from vstar_sdk.models import loras
from vstar_sdk.runs.plan import Plan, make_plan
from vstar_sdk.spec.document import parse

ROOT = Path(__file__).parents[3]
PRESETS = [path for family in ("modelscope", "animatediff") for path in sorted((ROOT / "specs" / family).glob("*.yaml"))]


def planned(written: Any, models: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The plan of a spec, a tiny model in the place of the one that it names."""
    monkeypatch.setattr(loras, "peft_installed", lambda: True)  # a plan is made without it
    tiny = models[written["model"]["use"]]
    return make_plan(load_spec({**written, "model": {**written["model"], **tiny}}))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_preset_is_valid_and_its_regularizers_act(path, models, monkeypatch):
    plan = planned(load_spec(path).document.data, models, monkeypatch)
    assert plan.story is not None
    assert plan.attention.sites
    assert (plan.settings.width % 64, plan.settings.height % 64) == (0, 0)


def test_the_documents_specs_are_valid(models, monkeypatch):
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "models.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    for block in blocks:
        written = {"synopsis": {"use": "states", "states": ["a rose"]}, **parse(block).data}
        if written["model"]["use"] in models:
            planned(written, models, monkeypatch)
    assert len(blocks) >= 2
