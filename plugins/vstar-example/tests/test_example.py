"""The example plugin: checked with the kit for authors, then used as it is installed."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import vstar_example
from click.testing import CliRunner
from vstar_example import pace
from vstar_example.fading import transform_frames
from vstar_example.lean import Lean, LeanOptions
from vstar_example.subtitles import Subtitles, SubtitlesOptions

import vstar_sdk
from vstar_sdk.cli.main import cli
from vstar_sdk.testing.exporters import check_exporter, sample_clip
from vstar_sdk.testing.imports import private_imports
from vstar_sdk.testing.plugins import check_plugin
from vstar_sdk.testing.regularizers import check_regularizer

STORY = {"prompt": "a landscape from winter to autumn", "frames": 8, "sampling": {"steps": 2}}


def test_the_plugin_is_well():
    catalog = check_plugin(vstar_example, "example")
    assert catalog.part("regularizers", "example/lean").summary
    assert "example/postcards" in catalog.templates


def test_it_imports_public_names_only():
    assert private_imports(Path(vstar_example.__file__).parent) == []


def test_the_regularizer():
    check_regularizer(Lean(LeanOptions(slope=0.5)))
    check_regularizer(Lean(LeanOptions(slope=0.5, levels=[1])))


def test_the_exporter(tmp_path):
    artifact = check_exporter(lambda: Subtitles(SubtitlesOptions()), tmp_path)
    assert artifact.read_text(encoding="utf-8").split("\n\n")[1].splitlines() == [
        "2",
        "00:00:00,125 --> 00:00:00,500",
        "a field in spring, “new” grass",
    ]


def test_the_transform_fades_the_ends_and_no_other_frame():
    clip = sample_clip(frames=16)
    frames = np.full((16, 2, 2, 3), 200, np.uint8)
    light = [int(frame.max()) for frame in transform_frames(iter(frames), clip)]
    assert light == [0, 50, 100, 150, *[200] * 8, 150, 100, 50, 0]
    assert frames.min() == 200


def test_a_run_with_all_of_it(tmp_path, caplog):
    spec = {
        **STORY,
        "regularizers": [{"use": "example/lean", "slope": 0.5}],
        "output": [{"use": "example/subtitles"}, {"use": "frames"}],
        "plugins": ["example"],
    }
    with caplog.at_level(logging.INFO, "vstar_example"):
        result = vstar_sdk.run(spec, out=tmp_path / "run")
    assert [path.name for path in result.artifacts] == ["video.srt", "frames"]
    assert "was the slowest" in caplog.text
    frames = list(result.frames())
    assert frames[0].max() == 0
    assert frames[-1].max() == 0
    assert frames[4].max() > 0


def test_the_observer_forgets_a_run_that_is_stopped():
    class Stopper:
        @vstar_sdk.hookimpl
        def on_step(self, event):
            raise vstar_sdk.StopRun("enough")

    with pytest.raises(vstar_sdk.RunCancelled, match="enough"):
        vstar_sdk.run({**STORY, "plugins": ["example"]}, plugins=[Stopper()])
    assert pace._seconds == {}


def test_without_being_listed_it_changes_nothing():
    result = vstar_sdk.run({**STORY, "regularizers": [{"use": "example/lean"}]})
    assert next(iter(result.frames())).max() > 0


def test_the_command_makes_one_run_a_seed(tmp_path):
    spec = tmp_path / "story.yaml"
    spec.write_text(
        "prompt: a landscape from winter to autumn\nframes: 4\nseed: 5\nsampling: {steps: 1}\noutput: [{use: frames}]\n"
    )
    result = CliRunner().invoke(cli, ["seeds", str(spec), "--count", "2", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [str(tmp_path / "out" / "5"), str(tmp_path / "out" / "6")]
    assert (tmp_path / "out" / "6" / "frames" / "0003.png").is_file()


@pytest.mark.parametrize("words", ["seeds", "vstar-example"])
def test_the_command_is_listed(words):
    assert words in CliRunner().invoke(cli, ["--help"]).stdout
