"""Runs side by side: what the page and the sheet say of them, and what is in their way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from vstar_sdk.cli.main import cli
from vstar_sdk.gallery.axes import axes_of, table_of
from vstar_sdk.gallery.clips import Shown, read_clip
from vstar_sdk.gallery.page import page
from vstar_sdk.output.mp4 import Mp4, Mp4Options
from vstar_sdk.output.writing import Artifacts
from vstar_sdk.testing.exporters import sample_clip, sample_frames


def spec(**changes):
    written = {
        "prompt": "a field",
        "seed": 0,
        "size": [64, 48],
        "model": {"use": "miniworld"},
        "synopsis": {"use": "states"},
        "sampling": {"steps": 4, "scheduler": "ddim", "guidance": 4.0},
        "regularizers": [{"use": "tar", "strength": 1.0}],
    }
    return {**written, **changes}


@pytest.fixture
def run(tmp_path):
    """Writes a run directory."""

    def write(name, metrics=None, **changes):
        directory, text = tmp_path / name, yaml.safe_dump(spec(**changes))
        directory.mkdir()
        clip = replace(sample_clip(), spec=text)
        with Artifacts(directory, [("mp4", Mp4(Mp4Options()))], clip) as artifacts:
            for frame in sample_frames(clip):
                artifacts.write(frame)
        (directory / "spec.yaml").write_text(text)
        (directory / "manifest.json").write_text(json.dumps({"metrics": metrics or {}}))
        states = [{"caption": "a field in <winter>", "anchor": 0, "rules": [0, 5]}]
        (directory / "synopsis.json").write_text(json.dumps({"states": states}))
        return directory

    return write


def clips(*changes, metrics=None):
    return [Shown(str(n), Path(), spec(**change), "", (), (metrics or {}).get(n, {})) for n, change in enumerate(changes)]


def test_the_axes_are_what_the_specs_differ_in():
    axes = axes_of(clips({}, {"seed": 1}, {"regularizers": [{"use": "tar", "strength": 0.5}]}, {"synopsis": {"use": "none"}}))
    assert {axis.name: list(axis.values) for axis in axes} == {"seed": ["0", "1"], "regularizers[0].strength": ["1", "0.5"]}
    assert [axes[0].text(number) for number in range(4)] == ["0", "1", "0", "0"]


def test_keys_that_divide_the_clips_alike_are_one_axis():
    axes = axes_of(clips({}, {"regularizers": []}, {"regularizers": [{"use": "tar", "strength": 0.5}]}))
    assert [(axis.name, [axis.text(number) for number in range(3)]) for axis in axes] == [
        ("regularizers", ["tar", "none", "tar"]),
        ("regularizers[0].strength", ["1", "", "0.5"]),
    ]


def test_clips_without_key_states_are_not_averaged_with_those_that_have_some():
    told = [{"synopsis": {"use": "states", "states": [{"caption": "a"}] * count}} for count in (1, 4)]
    shown = clips(*told, metrics={0: {"flicker": 1.0}, 1: {"flicker": 3.0}})
    axes = axes_of(shown)
    assert [(axis.name, *axis.values) for axis in axes] == [("key states", "1", "4")]
    table = table_of(shown, axes)
    assert table is not None
    assert [[*row] for row in table.rows] == [["1", "1", "1"], ["4", "1", "3"]]


def test_metrics_are_averaged_over_seeds_alone():
    measured = {n: {"flicker": value} for n, value in enumerate([1.0, 2.0, 3.0, 10.0])}
    shown = clips({}, {"seed": 1}, {"seed": 2}, {"sampling": {"steps": 8}}, metrics=measured)
    table = table_of(shown, axes_of(shown))
    assert table is not None
    assert [*table.head] == ["sampling.steps", "clips", "flicker"]
    (first, second) = table.rows
    assert first[-2:] == ["3", "2 (1 to 3)"]
    assert second[-2:] == ["1", "10"]


def test_clips_whose_long_values_begin_alike_are_not_averaged():
    prompts = [{"prompt": "a" * 80 + end} for end in "bc"]
    guidances = [{"sampling": {"guidance": value}} for value in (7.0, 7.0000001)]
    for changes in (prompts, guidances):
        shown = clips(*changes, metrics={0: {"flicker": 1.0}, 1: {"flicker": 3.0}})
        axes = axes_of(shown)
        assert len(set(axes[0].values)) == 2
        table = table_of(shown, axes)
        assert table is not None
        assert [row[-1] for row in table.rows] == ["1", "3"]


def test_a_seed_does_not_stand_for_what_changes_with_it():
    shown = clips({}, {"seed": 1, "sampling": {"steps": 8}}, metrics={0: {"flicker": 1.0}, 1: {"flicker": 3.0}})
    axes = axes_of(shown)
    assert [axis.name for axis in axes] == ["seed", "sampling.steps"]
    table = table_of(shown, axes)
    assert table is not None
    assert [row[-1] for row in table.rows] == ["1", "3"]


def test_without_metrics_there_is_no_table():
    assert table_of(clips({}, {"seed": 1}), []) is None


def test_a_page_needs_no_other_file_and_escapes_what_it_shows(run, tmp_path):
    found = [read_clip(run("a", prompt="<b>")), read_clip(run("b", prompt="<i>", metrics={"flicker": 0.25}))]
    text = page(found, "<script>alert(1)</script>", tmp_path)
    assert "<script>alert" not in text
    assert "&lt;winter&gt;" in text
    assert "<b>" not in text
    assert text.count("data:video/mp4;base64,") == 2
    assert "http:" not in text
    assert "https:" not in text
    assert "0.25" in text


def test_a_video_of_a_stranger_cannot_make_the_page_endless(run, tmp_path):
    """Nine anchors, each a list of nine of the one before: 9^9 leaves."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    for number, spec in enumerate((bomb, "[" * 5000, "prompt: " + "{a: " * 3000)):
        folder = run(str(number))
        (folder / "spec.yaml").write_text(spec)
        (folder / "synopsis.json").write_text('{"states": [{"caption": "a"}, 3, {"rules": [0, "x"], "caption": "b"}]}')
        clip = read_clip(folder)
        assert (clip.spec, clip.made, clip.states) == ({}, "", [])


def test_videos_that_are_too_large_are_linked(run, tmp_path, monkeypatch):
    monkeypatch.setattr("vstar_sdk.gallery.page._EMBEDDED", 10)
    text = page([read_clip(run("a b"))], "", tmp_path / "page")
    assert 'src="../a%20b/video.mp4"' in text


def test_compare_writes_a_page_and_a_sheet_and_replaces_nothing(run, tmp_path):
    runs, out = [str(run("a")), str(run("b", seed=1))], tmp_path / "out"
    first = CliRunner().invoke(cli, ["compare", *runs, "-o", str(out), "--columns", "3"])
    assert first.exit_code == 0, first.stderr
    assert first.stdout.splitlines() == [str(out / "index.html"), str(out / "sheet.png")]
    with Image.open(out / "sheet.png") as sheet:
        sheet.load()
        assert sheet.width > sheet.height
    again = CliRunner().invoke(cli, ["compare", *runs, "-o", str(out)])
    assert again.exit_code == 7
    assert "index.html exists" in again.stderr
    assert CliRunner().invoke(cli, ["compare", *runs, "-o", str(out), "--overwrite"]).exit_code == 0


def test_a_video_alone_carries_its_spec(run):
    shown = read_clip(run("a", seed=5) / "video.mp4")
    assert shown.spec["seed"] == 5
    assert shown.made == "miniworld · seed 5 · ddim, 4 steps · guidance 4 · tar"


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_what_holds_no_video_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(cli, ["compare", str(tmp_path / name), "-o", str(tmp_path / "out")])
    assert done.exit_code == 7
    assert not (tmp_path / "out").exists()
