"""Tiny models, loaded once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.transformer_models import load

OF_FOLDERS = {
    "wan": "wan_21",
    "cogvideox": "cogvideox_5b",
    "cosmos": "cosmos_dir",
    "hunyuan15": "hunyuan15_dir",
    "kandinsky5": "kandinsky5_dir",
    "minimax_h3": "minimax_h3_dir",
    "mochi": "mochi_dir",
    "motif": "motif_dir",
}


@pytest.fixture(scope="session")
def opened(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Loads a tiny model by the name of its fixture; a test that changes it must change it back."""
    return cache(lambda name: load(name, request.getfixturevalue(name)))


@pytest.fixture
def adapter(opened: Callable[[str], Any], request: pytest.FixtureRequest) -> Any:
    """The tiny model of the test's folder, or the one that its parameter names; a test that changes it must change it back."""
    return opened(getattr(request, "param", None) or OF_FOLDERS[request.path.parent.name])


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Any:
    """The directory of the tiny model that the test's parameter names."""
    return request.getfixturevalue(request.param)
