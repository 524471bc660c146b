"""Small sweeps, and plugins as pip leaves them."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import packages as packages
from vstar_sdk.spec.document import parse
from vstar_sdk.sweeps.planning import plan_sweep

STORY = "prompt: a volcano wakes up\nframes: 4\nsize: 64x48\nsampling: {steps: 1}\noutput: [{use: frames}]\n"


@pytest.fixture
def planned(tmp_path):
    """Plan a small sweep from the YAML of its key ``sweep``."""

    def plan(sweep, story=STORY):
        return plan_sweep(parse(f"{story}sweep: {sweep}\n", name="story.yaml", folder=tmp_path), tmp_path / "sweep")

    return plan
