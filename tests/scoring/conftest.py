"""Small scores, and plugins as pip leaves them."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import packages as packages
from vstar_sdk.sweeps import cells


@pytest.fixture
def begun(monkeypatch):
    """Titles of the cells that are begun, one by one."""
    titles: list[str] = []
    real = cells._Work._start

    def start(self, session, cell, folder):
        titles.append(f"{cell.title}: {folder.parents[2].name.rpartition('-')[0]}")
        return real(self, session, cell, folder)

    monkeypatch.setattr(cells._Work, "_start", start)
    return titles
