"""The reference pages are what the code says."""

from __future__ import annotations

import pytest

from docs.references import PAGES, WRITERS


@pytest.mark.parametrize("name", WRITERS)
def test_a_page_is_fresh(name):
    assert (PAGES / name).read_text(encoding="utf-8") == WRITERS[name](), "python -m docs.references"
