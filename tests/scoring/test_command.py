"""``vstar score`` from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from tests.scoring.test_score import FAULTY
from vstar_sdk.cli.main import cli

SMALL = ["--families", "volcano", "--frames", "4", "--seeds", "2", "-s", "sampling.steps=1", "-o", "out"]


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, ["score", *arguments, *SMALL])


def test_a_table_a_page_and_json(invoke, tmp_path):
    planned = invoke("tar", "--dry-run")
    assert planned.stdout == "tar against the model alone: stories 1, seeds 2, clips 4, to be made 4\n"
    assert not (tmp_path / "out").exists()
    ran = invoke("tar")
    assert ran.exit_code == 0, ran.stderr
    assert "4 of 4: volcano, seed 1, the model alone: done" in ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == "tar against the model alone: miniworld, 4 frames"
    assert max(map(len, lines)) <= 80
    assert re.search(r"^order +[0-9.-]+ +[0-9.-]+  [+-][0-9.]+ +2$", ran.stdout, re.MULTILINE)
    assert "whose interval contains 0 is no finding" in " ".join(ran.stdout.split())
    assert "Left out: miniworld-colour" in ran.stdout
    page = tmp_path / lines[-1]
    text = page.read_text()
    assert text.count("data:video/mp4;base64,") == 4
    assert not re.search(r"""(src|href)=["']?https?:""", text)
    assert "volcano, seed 1: the model alone" in text
    assert "miniworld, 4 frames" in text
    again = invoke("tar", "--json", "-q")
    assert again.stderr == ""
    (found,) = json.loads(again.stdout)["scores"]
    assert found == json.loads(page.with_suffix(".json").read_text())[0]
    assert (found["part"], found["seeds"], found["stories"]) == ("tar", 2, ["volcano"])
    assert {row["name"]: row["difference"]["n"] for row in found["rows"]}["stage_error"] == 2


@pytest.mark.slow
def test_failed_clips_are_named_and_the_rest_is_compared(packages, invoke):
    packages.add("acme", FAULTY.replace("SEEDS", "[1]"))
    ran = invoke("acme/sloppy")
    assert ran.exit_code == 1
    assert "seed-1" in ran.stderr
    assert "1 clip failed, and what was compared is the rest" in ran.stderr
    assert ran.stdout.startswith("acme/sloppy against the model alone")


def test_what_cannot_run_is_an_error_with_its_name(invoke, tmp_path):
    ran = invoke("relay")
    assert ran.exit_code == 2
    assert "relay cannot tell 'volcano' on miniworld with 4 frames" in ran.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_one_that_is_killed_goes_on_where_it_was(tmp_path, how, code):
    command = [sys.executable, "-m", "vstar_sdk.cli.main", "score", "tar", "--families", "volcano", "--seeds", "2", "-o", "out"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("1 of 4: volcano, seed 0, tar: done")
    until = time.monotonic() + 60
    while len([*tmp_path.rglob("synopsis.json")]) < 2:  # the next clip has begun
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(how)
    process.wait(60)
    assert process.returncode == code
    manifests = {path: path.read_bytes() for path in tmp_path.rglob("manifest.json")}
    assert 1 <= len(manifests) < 4
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0, again.stderr
    assert f"of {4 - len(manifests)}: volcano" in again.stderr
    assert {path: path.read_bytes() for path in manifests} == manifests
    assert len(list(tmp_path.rglob("manifest.json"))) == 4
