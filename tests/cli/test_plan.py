"""``vstar plan``: what a run will do and take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vstar_sdk.cli.main import cli
from vstar_sdk.models.unet3d.source import UNet3DSource
from vstar_sdk.runs.experience import Experience, remember, workload_of
from vstar_sdk.runs.plan import make_plan
from vstar_sdk.spec.loading import load_spec

SPEC = """\
prompt: a landscape from winter to autumn
regularizers:
  - {use: tar, sigma: {0: 1, 1: 8}, window: [0.0, 0.56]}
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "story.yaml"
    path.write_text(SPEC)
    return str(path)


def plan(*arguments):
    done = CliRunner().invoke(cli, ["plan", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_tells_the_run_the_states_the_attention_and_the_costs_in_80_columns(spec):
    told = plan(spec)
    assert told.startswith("64 frames of 64x64 at 8 fps, 4 states, 25 steps on miniworld\n")
    assert "4. frames 53-63: a landscape in autumn" in told
    assert "level 1, 8 sites: steps 0-13 row statistics (tar); steps 14-24 sdpa" in told
    for line in ("weights      text encoder", "25 x 1 calls of 2 videos", "peak memory", "by model.offload: none"):
        assert line in told
    assert max(map(len, told.splitlines())) <= 80


def test_what_the_system_will_show_is_told_after_a_run(spec, tmp_path, monkeypatch):
    monkeypatch.setenv("VSTAR_CACHE_DIR", str(tmp_path / "cache"))
    assert "The first run of this model on this machine measures them, and the time." in plan(spec)
    planned = make_plan(load_spec(Path(spec)))
    workload, calls = workload_of(planned, "float32")
    took = Experience(workload=workload, calls=calls, step_seconds=0.3, decode_seconds=1.5, peak_bytes=550 << 20)
    remember(planned, "cpu", "float32", took)
    told = plan(spec)
    assert "process      550 MiB, of which" in told
    assert "time         about 9 s of sampling and decoding, by the last run here" in told
    assert max(map(len, told.splitlines())) <= 80


def test_every_site_has_a_line_if_wanted(spec):
    assert "down_blocks.0.temp_attentions.0.transformer_blocks.0.attn1" in plan(spec, "--sites")


def test_json_has_the_numbers_behind_it(spec):
    told = json.loads(plan(spec, "--json", "--set", "sampling.guidance_batch=two"))
    estimate = told["estimate"]
    assert (told["device"], told["dtype"], told["settings"]["frames"]) == ("cpu", "float32", 64)
    assert (estimate["evaluations"], estimate["calls"], estimate["branches"]) == (25, 2, 1)
    assert estimate["step_flops"] == 2 * estimate["call_flops"]
    assert estimate["run_flops"] == 25 * estimate["step_flops"] + estimate["decode_flops"]
    assert estimate["peak_bytes"]["none"] > estimate["peak_bytes"]["model"] > estimate["peak_bytes"]["group"]
    assert [state["rules"] for state in told["states"]] == [[0, 10], [11, 31], [32, 52], [53, 63]]
    (stretches,) = {json.dumps(site["stretches"]) for site in told["attention"]["sites"]}
    assert json.loads(stretches)[0] == {"steps": [0, 13], "execution": "row statistics", "by": ["tar"]}


def test_attention_that_makes_its_own_logits_costs_memory_and_others_do_not(spec, tmp_path):
    assert json.loads(plan(spec, "--json"))["estimate"]["attention_bytes"] > 0
    plain = tmp_path / "plain.yaml"
    plain.write_text("prompt: a landscape from winter to autumn\nregularizers: [{use: window, radius: 8}]\n")
    assert json.loads(plan(str(plain), "--json"))["estimate"]["attention_bytes"] == 0


class Unforeseen:
    """A model source that cannot say what a run takes."""

    def __init__(self, source):
        self.facts, self.load = source.facts, source.load


def test_a_model_that_cannot_say_is_said_to(spec, monkeypatch):
    monkeypatch.setattr("vstar_sdk.miniworld.parts.MiniworldSource", lambda **named: Unforeseen(UNet3DSource(**named)))
    assert "On cpu in float32: miniworld has no estimate of memory and computation." in plan(spec)
    assert json.loads(plan(spec, "--json"))["estimate"] is None


def test_no_weights_are_loaded(spec, monkeypatch):
    monkeypatch.setattr("vstar_sdk.miniworld.source.MiniworldSource.load", lambda *_: pytest.fail("loaded"))
    plan(spec)


def test_a_plan_made_before_imports_no_torch_and_is_the_same(spec):
    told = plan(spec)
    code = "import sys; from vstar_sdk.cli.main import cli; cli(['plan', sys.argv[1]], standalone_mode=False); "
    code += "print({'torch', 'diffusers'} & set(sys.modules))"
    plan(spec, "--json")
    command = [sys.executable, "-c", code, spec]
    subprocess.run(command, capture_output=True, check=True)  # this one may have to ask torch for its threads
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == told + "set()\n"


def test_another_size_is_counted_anew(spec):
    estimates = [json.loads(plan(spec, "--json", "-s", f"frames={frames}"))["estimate"] for frames in (8, 16, 8)]
    assert estimates[0] == estimates[2]
    assert 1.9 < estimates[1]["call_flops"] / estimates[0]["call_flops"] < 2.1
