"""``vstar redo``, ``extend`` and ``diff``."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from click.testing import CliRunner

from vstar_sdk.cli.main import cli

STORY = {
    "synopsis": {"states": ["a landscape in winter", "a landscape in spring"]},
    "frames": 4,
    "sampling": {"steps": 2},
    "output": [],
}


def invoke(*arguments):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def winter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "story.yaml").write_text(yaml.safe_dump(STORY))
    invoke("run", folder / "story.yaml", "-q", "-o", folder / "winter")
    return folder / "winter"


def test_redo_and_extend_leave_the_run_and_make_new_ones_beside_it(winter):
    before = {path.name: path.read_bytes() for path in winter.iterdir()}
    redone = invoke("redo", winter, "--state", 2, "--caption", "a landscape in autumn", "-q")
    extended = invoke("extend", winter, "--by", "0.25s", "-q")
    assert redone.stdout == f"{winter}-2\n"
    assert extended.stdout == f"{winter}-3\n"
    parents = [json.loads((winter.with_name(name) / "manifest.json").read_text())["parent"] for name in ("winter-2", "winter-3")]
    assert parents == [json.loads(before["manifest.json"])["run"]] * 2
    assert {path.name: path.read_bytes() for path in winter.iterdir()} == before


def test_a_dry_run_says_which_frames_change_and_writes_nothing(winter, tmp_path):
    said = invoke("redo", winter, "--state", 2, "--dry-run", "-o", tmp_path / "out").stdout
    assert f"keeps frames 0-1 of {winter}, makes 2-3" in said.splitlines()
    told = json.loads(invoke("extend", winter, "--by", 2, "--dry-run", "--json").stdout)["kept"]
    assert (told["frames"], told["made"]) == ("0-3", "4-5")
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_is_told(winter, tmp_path):
    result = CliRunner().invoke(cli, ["redo", str(winter), "--state", "3"])
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, f"error: state 3: the run in {winter} has states 1 to 2")
    result = CliRunner().invoke(cli, ["extend", str(tmp_path), "--by", "1s"])
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, f"error: there is no finished run in {tmp_path}")
    for by, words in (("99999999999", "no clip is longer"), ("-3", "'-3' must be frames"), ("0", "'0': that is less than")):
        result = CliRunner().invoke(cli, ["extend", str(winter), "--by", by])
        assert (result.exit_code, result.stderr.startswith(f"error: extend: {words}")) == (2, True), result.stderr


@pytest.mark.parametrize("lost", ["spec.yaml", "synopsis.json"])
def test_the_file_that_a_run_lost_is_named(winter, tmp_path, lost):
    shutil.copytree(winter, tmp_path / "run")
    (tmp_path / "run" / lost).unlink()
    result = CliRunner().invoke(cli, ["redo", str(tmp_path / "run"), "--state", "1"])
    assert (result.exit_code, result.stderr.splitlines()[0]) == (
        2,
        f"error: the run in {tmp_path / 'run'} is not whole: {lost} is missing",
    )


def test_a_file_of_a_run_is_not_the_run(winter):
    result = CliRunner().invoke(cli, ["history", str(winter / "manifest.json")])
    assert result.exit_code == 2
    assert result.stderr == (
        f"error: {winter / 'manifest.json'} is a file, not the directory of a run\nhint: name the directory: {winter}\n"
    )


def test_diff_of_a_folder_without_a_spec_says_so(winter, tmp_path):
    result = CliRunner().invoke(cli, ["diff", str(winter), str(tmp_path)])
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, f"error: there is no spec.yaml in {tmp_path}")


def test_diff_says_what_differs_one_key_a_line(winter):
    story = winter.with_name("story.yaml")
    other = winter.with_name("other.yaml")
    other.write_text(yaml.safe_dump(STORY | {"seed": 4, "frames": 8, "latents": True}))
    assert invoke("diff", story, other).stdout.splitlines() == ["frames: 4 -> 8", "seed: 0 -> 4"]
    assert json.loads(invoke("diff", story, other, "--json").stdout)[1] == {"path": "seed", "a": 0, "b": 4}


def test_diff_takes_runs_and_says_that_nothing_differs(winter):
    result = invoke("diff", winter, winter / "spec.yaml")
    assert result.stdout == ""
    assert result.stderr == "no differences\n"


def test_what_is_not_as_expected_ends_with_8_and_is_there_and_a_reworked_run_may_do_without(winter):
    story = winter.with_name("strict.yaml")
    story.write_text(yaml.safe_dump(STORY | {"expect": {"frozen": True}}))
    strict = winter.with_name("strict")
    result = CliRunner().invoke(cli, ["run", str(story), "-q", "-o", str(strict)])
    assert result.exit_code == 8
    assert result.stdout == f"{strict}\n"
    assert result.stderr.splitlines() == [
        "error: the video is not as expected: frozen is true was expected, and frozen is 0",
        f"hint: it was written all the same; vstar check {strict} measures it again",
    ]
    redo = ["redo", str(strict), "--state", "2", "-q", "-o", str(winter.with_name("again"))]
    assert CliRunner().invoke(cli, redo).exit_code == 8
    invoke(*redo, "--no-expect")
    assert json.loads(winter.with_name("again").joinpath("manifest.json").read_text())["expect"] == []
