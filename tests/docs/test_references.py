"""The reference pages are what the code says."""

from __future__ import annotations

import re

import pytest

from docs.references import PAGES, WRITERS
from vstar_sdk.footage import Footage
from vstar_sdk.runs.manifest import manifest


@pytest.mark.parametrize("name", WRITERS)
def test_a_page_is_fresh(name):
    assert (PAGES / name).read_text(encoding="utf-8") == WRITERS[name](), "python -m docs.references"


def test_every_key_of_a_manifest_is_in_the_page_on_run_directories():
    page = (PAGES.parent / "run-directory.md").read_text(encoding="utf-8")
    made = manifest(
        run="",
        parent=None,
        start=(),
        seed=0,
        clip=Footage(frames=1, width=1, height=1, fps=1.0, prompt=""),
        sound=None,
        frames_sha256=None,
        synopsis={},
        model={},
        plugins=(),
        regularizers=(),
        seconds={},
        warnings=(),
        metrics={},
        expect=(),
        defaults=(),
        written={"artifacts": [], "files": []},
    )
    rows = {
        key
        for row in re.findall(r"^\| (`.*?) \|", page.partition("## The manifest")[2], re.MULTILINE)
        for key in re.findall(r"`(\w+)`", row)
    }
    assert rows == {*made, "seal"}


def test_every_page_is_in_the_index():
    """GitHub shows the table, the site its trees."""
    index = (PAGES.parent / "index.md").read_text(encoding="utf-8")
    trees = "".join(re.findall(r"^```\{toctree\}\n(.*?)^```", index, re.DOTALL | re.MULTILINE)).splitlines()
    pages = {path.relative_to(PAGES.parent).with_suffix("").as_posix() for path in PAGES.parent.rglob("*.md")} - {"index"}
    assert pages == {line for line in trees if line and not line.startswith(":")}
