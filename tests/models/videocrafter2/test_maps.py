"""The maps that are recorded of VideoCrafter2 are those of its queries and keys."""

from __future__ import annotations

import pytest

from tests.analysis.test_maps import check_against_hand, noise, told
from vstar_sdk import load_spec
from vstar_sdk.runs.plan import make_plan


@pytest.mark.slow
def test_head_by_head(converted):
    spec = {"prompt": "a landscape", "model": {"use": "videocrafter2", "path": str(converted)}}
    adapter = make_plan(load_spec(spec)).source.load("cpu", "float32")
    clock = adapter.facts.clock(6, 8.0)
    check_against_hand(adapter, noise(adapter, clock, 32), told(adapter, clock), clock)
