"""The page of a sweep: what is done, by the titles of the index."""

from __future__ import annotations

from click.testing import CliRunner

from vstar_sdk.cli.main import cli
from vstar_sdk.gallery.sweep import write_page
from vstar_sdk.spec.document import Document
from vstar_sdk.sweeps.cells import run_cells
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.planning import plan_sweep

STORY = {
    "prompt": "a volcano wakes up",
    "frames": 4,
    "sampling": {"steps": 1},
    "output": [{"use": "mp4"}],
    "metrics": [{"use": "flicker"}],
    "sweep": {"seed": [0, 1, 2]},
}


def test_the_page_shows_what_is_done(tmp_path, monkeypatch):
    plan = plan_sweep(Document(STORY), tmp_path / "sweep")
    plan.sweep.claim()
    assert write_page(plan.sweep) is None
    nothing = CliRunner().invoke(cli, ["compare", str(tmp_path / "sweep"), "-o", str(tmp_path / "out")])
    assert nothing.exit_code == 7
    assert "no cell of the sweep is finished" in nothing.stderr
    run_cells(tmp_path / "sweep", ["0000", "0002"])
    page = write_page(Sweep.read(tmp_path / "sweep"))
    assert page == tmp_path / "sweep" / "index.html"
    text = (tmp_path / "sweep" / "index.html").read_text()
    assert text.count("<video") == 2
    assert "0002: seed=2" in text
    assert "flicker" in text
    monkeypatch.setattr("vstar_sdk.gallery.sweep.MOST", 1)
    assert write_page(plan.sweep) is None
