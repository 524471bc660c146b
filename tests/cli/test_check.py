"""``vstar check``: a finished film is measured, and held to what is expected of it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from vstar_sdk import ExpectationError, RunPaused, Session, SpecError
from vstar_sdk.cli.main import cli
from vstar_sdk.output.film import film
from vstar_sdk.runs.checking import PICTURES, check

STORY = {
    "prompt": "a landscape from winter to autumn",
    "frames": 8,
    "sampling": {"steps": 2},
    "metrics": [{"use": "flicker"}, {"use": "frozen", "threshold": 0.5}],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with frames without loss, and one with an MP4 alone."""
    folder = tmp_path_factory.mktemp("check")
    with Session() as session:
        session.run(STORY | {"output": [{"use": "mp4"}, {"use": "frames"}]}, out=folder / "both")
        session.run(STORY | {"output": [{"use": "mp4"}]}, out=folder / "film")
        session.run(STORY | {"output": [{"use": "contact-sheet"}]}, out=folder / "sheet")
    return folder


def vstar(*arguments):
    return CliRunner().invoke(cli, ["check", *map(str, arguments)])


def test_a_run_is_measured_by_its_own_metrics_on_its_frames_without_loss(run):
    result = vstar(run / "both", "--json")
    assert result.exit_code == 0, result.stderr
    data = json.loads(result.stdout)
    manifest = json.loads((run / "both" / "manifest.json").read_text())
    assert data["metrics"] == manifest["metrics"]
    assert data["metrics"]["frozen"] == 1
    assert data["clip"] == manifest["clip"]
    assert data["film"].endswith("frames")


@pytest.mark.parametrize("name", ["film", "film/video.mp4"])
def test_an_mp4_is_measured_nearly_as_the_run_was(run, name):
    manifest = json.loads((run / "film" / "manifest.json").read_text())["metrics"]
    numbers = check(run / name).numbers
    assert list(numbers) == list(manifest)
    assert numbers["flicker"] == pytest.approx(manifest["flicker"], rel=0.15)


def test_what_is_expected_is_measured_too_and_decides_the_exit_code(run):
    kept = vstar(run / "film", "-e", "flicker<0.2", "-e", "scene>=0.5", "--expect", "evolution > 0.05")
    assert kept.exit_code == 0, kept.stderr
    assert "as expected: scene >= 0.5" in kept.stdout
    broken = vstar(run / "film", "-e", "flicker<0.2", "-e", "flicker<0.0001")
    assert broken.exit_code == 8
    assert "NOT as expected: flicker < 0.0001" in broken.stdout
    data = json.loads(vstar(run / "film", "-e", "flicker<0.0001", "--json").stdout)
    assert data["kept"] is False
    (verdict,) = data["expected"]
    assert verdict == {
        "name": "flicker",
        "measured": data["metrics"]["flicker"],
        "expect": "flicker < 0.0001",
        "kept": False,
    }


def test_without_expectations_of_its_own_it_takes_those_of_the_spec_that_made_the_film(run, tmp_path):
    with pytest.raises(ExpectationError), Session() as session:
        session.run(STORY | {"output": [{"use": "frames"}], "expect": {"seam": "> 99", "frozen": True}}, out=tmp_path / "run")
    checked = check(tmp_path / "run")
    assert [(str(one.expectation), one.kept) for one in checked.verdicts] == [("seam > 99", False), ("frozen is true", True)]
    assert vstar(tmp_path / "run").exit_code == 8
    assert vstar(tmp_path / "run", "-e", "seam < 99").exit_code == 0


def test_a_film_in_the_wrong_order_breaks_what_is_expected_of_the_order(run):
    """The same frames, backwards: the story's own judge says no."""
    from PIL import Image

    frames = [frame.copy() for frame in film(run / "both" / "frames").frames()]
    for name, sequence in (("forth", frames), ("back", frames[::-1])):
        folder = run / name
        folder.mkdir(exist_ok=True)
        for number, frame in enumerate(sequence):
            Image.fromarray(frame).save(folder / f"{number:04}.png")
    arguments = ("-m", "miniworld", "--prompt", STORY["prompt"], "-e", "order>0.8")
    assert vstar(run / "forth", *arguments).exit_code == 0
    assert vstar(run / "back", *arguments).exit_code == 8


def test_a_film_from_elsewhere_is_measured_without_a_story(run, tmp_path):
    from PIL import Image

    for number in range(5):
        Image.fromarray(np.full((10, 14, 3), 20 * number, np.uint8)).save(tmp_path / f"{number}.png")
    checked = check(tmp_path)
    assert {"flicker", "seam", "drift"} <= {*checked.numbers}
    assert checked.numbers["flicker"] == 0
    assert checked.numbers["evolution"] == pytest.approx(80 / 255)


def test_a_run_s_states_are_known_and_a_film_s_are_not(run):
    assert vstar(run / "film", "-e", "change > 0.01", "-e", "change_at >= 2").exit_code == 0
    film = vstar(run / "film" / "video.mp4", "-e", "change > 0.01")
    assert film.exit_code == 2
    assert "this clip's are not known" in film.stderr


def test_the_metrics_of_frames_alone_are_all_but_those_of_stories_of_maps_and_of_long_clips():
    from vstar_sdk.plugin.discovery import built_in_catalog

    others = {"change", "miniworld", "miniworld-colour", "miniworld-pan", "diagonalness", "repetition"}
    assert {*PICTURES} == {part.name for part in built_in_catalog().parts("metrics")} - others


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-e", "flicker"], "cannot read 'flicker'"),
        (["-e", "flicker<nan"], "cannot read"),
        (["-e", "flicker<inf"], "cannot read"),
        (["-e", "flicker=0.1"], "cannot read"),
        (["-e", "flicker is maybe"], "cannot read"),
        (["-e", "miniworld>0"], "'miniworld' is a metric, and measures stage_error, order, moved, scene"),
        (["-e", "acme/detail>0"], "no installed package brings the namespace 'acme'"),
        (["-e", "flickr<0.1"], "no metric measures 'flickr'. Did you mean 'flicker'?"),
        (["-m", "flickr"], "error: -m flickr: unknown metric 'flickr'. Did you mean 'flicker'?"),
        (["-m", "nobody/flickr"], "no installed package brings the namespace 'nobody'"),
        (["-m", "miniworld", "--prompt", "two cats dance"], "reads the story in the prompt"),
    ],
    ids=str,
)
def test_what_cannot_be_measured_or_expected_is_an_error(run, arguments, words):
    result = vstar(run / "film", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize(("name", "words"), [("sheet", "wrote neither mp4 nor frames"), ("nowhere", "there is no ")])
def test_what_is_no_film_is_an_error(run, name, words):
    result = vstar(run / name)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_run_that_is_unfinished_says_how_to_finish_it(tmp_path):
    spec = {"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 2}}
    with pytest.raises(RunPaused), Session() as session:
        session.start(spec, out=tmp_path / "run", pause_after=1).result()
    result = vstar(tmp_path / "run")
    assert result.exit_code == 2
    assert "is unfinished" in result.stderr
    assert f"finish it: vstar resume {tmp_path / 'run'}" in result.stderr


def test_a_manifest_that_is_damaged_is_told(run, tmp_path):
    for text in ("", "[]", '{"artifacts": 3}'):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(SpecError, match=r"manifest\.json is damaged, or of a run without frames$"):
            check(tmp_path)


@pytest.mark.parametrize(
    ("lost", "words"),
    [("manifest.json", "is not whole: manifest.json is missing"), ("spec.yaml", "spec.yaml cannot be read: No such file")],
)
def test_a_run_that_lost_a_file_is_not_measured_by_its_contact_sheet(run, tmp_path, lost, words):
    shutil.copytree(run / "sheet", tmp_path / "run")
    (tmp_path / "run" / lost).unlink()
    result = vstar(tmp_path / "run", "-m", "detail")
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
