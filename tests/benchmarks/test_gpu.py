"""The script for a GPU: it ends in time, and one section that fails takes no other with it."""

from __future__ import annotations

import pytest
import torch

from benchmarks.gpu import SECTIONS, Section, main


def script(code: str, most: float = 60.0) -> Section:
    return Section(code.split("(")[0], (), ("-S", "-c", code), most)


def test_every_section_is_told_and_a_failing_one_stops_no_other(tmp_path, capsys):
    sections = {
        "one": script("print('| a table |')"),
        "broken": script("print('half'); raise SystemExit('no kernel image')"),
        "slow": script("print('begun', flush=True); import time; time.sleep(60)", most=0.5),
        "last": script("print('| another |')"),
    }
    out = tmp_path / "device.md"
    assert main(["--tiny", "--out", str(out)], sections) == 2
    told = out.read_text()
    assert [line.split(":")[1].split(" ")[1] for line in capsys.readouterr().out.splitlines()[:4]] == [
        "Done",
        "**Failed**",
        "Stopped",
        "Done",
    ]
    for part in ("| a table |", "half", "no kernel image", "begun", "its time was over", "| another |"):
        assert part in told


def test_when_the_time_is_over_nothing_more_is_begun_and_what_is_there_is_written(tmp_path):
    out = tmp_path / "device.md"
    sections = {"first": script("import time; time.sleep(60)"), "second": script("print('begun')")}
    assert main(["--tiny", "--limit", "1.5", "--out", str(out)], sections) == 2
    assert "Stopped after" in out.read_text()
    assert "Not begun: the time was over." in out.read_text()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so(capsys):
    with pytest.raises(SystemExit):
        main([])
    assert "there is no CUDA GPU here: --tiny" in capsys.readouterr().err


def test_its_sections_fit_into_eight_minutes():
    assert sum(section.most for section in SECTIONS.values()) <= 480.0


@pytest.mark.slow
def test_the_real_sections_run_on_a_cpu_at_tiny_sizes(tmp_path):
    out = tmp_path / "device.md"
    assert main(["--tiny", "--limit", "1500", "--out", str(out)], {name: _patient(one) for name, one in SECTIONS.items()}) == 0
    assert out.read_text().count("Done in") == len(SECTIONS)
    assert out.read_text().count("|---") >= 4


def _patient(section: Section) -> Section:
    """The same on a busy machine."""
    return Section(section.title, section.command, section.tiny, 600.0, section.environment)
