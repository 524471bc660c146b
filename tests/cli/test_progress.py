"""Progress: bars on a terminal, lines elsewhere; a warning never ends up inside a bar."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from click import unstyle
from click.testing import CliRunner
from PIL import Image

from vstar_sdk import events
from vstar_sdk.cli.graphics import strip
from vstar_sdk.cli.main import cli
from vstar_sdk.cli.progress import Progress
from vstar_sdk.previews import Preview


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch):
    def show(stream: io.StringIO, *told: events.Event) -> str:
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress() as progress:
            for event in told:
                progress.show(event)
        return stream.getvalue()

    return show


def step(number: int) -> events.Event:
    return events.Step(run="r", step=number, steps=4, timestep=1.0, seconds=1.0, eta=2.0)


def test_a_terminal_shows_a_bar_that_is_gone_at_the_end(shown):
    text = shown(
        Terminal(), events.StageStart(run="r", stage="sample"), step(1), step(4), events.StageStart(run="r", stage="decode")
    )
    assert "sampling: 100%" in text
    assert "4/4" in text
    assert unstyle(text).rstrip("\n").split("\r")[-1].endswith("decoding")


def test_a_warning_stands_on_a_line_of_its_own(shown):
    text = shown(Terminal(), step(1), events.Warned(run="r", message="the disk is slow"), step(2))
    before, _, after = unstyle(text).partition("warning: the disk is slow\n")
    assert before.endswith("\r")
    assert "2/4" in after


def test_a_warning_takes_the_place_of_the_line_of_a_stage(shown):
    text = shown(Terminal(), events.StageStart(run="r", stage="load"), events.Warned(run="r", message="the disk is slow"))
    assert "loading the model\r\x1b[2K" in text
    assert unstyle(text).endswith("warning: the disk is slow\n")


def test_a_file_gets_a_line_at_each_tenth_and_no_bar(shown):
    text = shown(io.StringIO(), events.StageStart(run="r", stage="sample"), step(1), step(2))
    assert text.splitlines() == ["sampling", "sampling: step 1/4, 2 s left", "sampling: step 2/4, 2 s left"]


def test_a_terminal_that_is_gone_costs_nothing(shown):
    class Gone(Terminal):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    assert shown(Gone(), step(1), step(2)) == ""


def test_a_preview_is_written_whole_after_every_step(tmp_path):
    shown = tmp_path / "step.gif"
    words = ["run", "a volcano wakes up", "--frames", "4", "-s", "sampling.steps=2", "-o", str(tmp_path / "run"), "-q"]
    done = CliRunner().invoke(cli, [*words, "--preview", str(shown)])
    assert done.exit_code == 0, done.stderr
    with Image.open(shown) as picture:
        assert picture.size == (32, 32)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "step.gif"]


def test_a_preview_that_cannot_be_written_costs_a_warning_and_no_video(tmp_path, monkeypatch):
    def full(self, path, **_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Preview, "save", full)
    words = ["run", "a volcano wakes up", "--frames", "4", "-s", "sampling.steps=1", "-o", str(tmp_path / "run"), "-q"]
    done = CliRunner().invoke(cli, [*words, "--preview", str(tmp_path / "step.gif")])
    assert done.exit_code == 0
    assert "cannot be written: No space left on device" in done.stderr
    assert (tmp_path / "run" / "video.mp4").is_file()


def test_a_preview_replaces_previews_alone(tmp_path):
    picture, notes, ours = tmp_path / "mine.gif", tmp_path / "notes.gif", tmp_path / "ours.gif"
    Image.new("RGB", (4, 4)).save(picture)
    notes.write_text("keep")
    Preview(np.zeros((4, 1, 2, 2), np.float32), np.zeros((5, 3), np.float32)).save(ours)
    before = {path: path.read_bytes() for path in (picture, notes)}
    words = ["run", "a volcano wakes up", "--frames", "4", "-s", "sampling.steps=1", "-q"]
    for number, (target, message) in enumerate(
        [
            (picture, "the file is there, and is no preview"),
            (notes, "the file is there, and is no preview"),
            (tmp_path / "notes.txt", "a preview is a GIF"),
            (tmp_path / "absent" / "step.gif", "there is no folder"),
            (ours, ""),
        ]
    ):
        done = CliRunner().invoke(cli, [*words, "-o", str(tmp_path / str(number)), "--preview", str(target)])
        assert done.exit_code == (7 if message else 0), done.stderr
        assert message in done.stderr
        assert (tmp_path / str(number)).exists() is not bool(message)
    assert {path: path.read_bytes() for path in (picture, notes)} == before


def test_a_strip_on_the_terminal_shows_the_first_and_the_last_frame():
    frames = np.zeros((9, 4, 6, 3), np.uint8)
    frames[0, 0, 0], frames[0, 1, 0], frames[8] = (1, 2, 3), (4, 5, 6), 200
    lines = strip(frames, columns=80).split("\n")
    assert len(lines) == 2
    assert lines[0].startswith("\x1b[38;2;1;2;3;48;2;4;5;6m\u2580")
    assert lines[0].endswith("\x1b[38;2;200;200;200;48;2;200;200;200m\u2580\x1b[0m")
    for line in lines:
        assert {*unstyle(line)} == {"\u2580", " "}
        assert len(unstyle(line)) <= 79


@pytest.mark.parametrize(("size", "columns"), [((1, 1), 80), ((60, 104), 80), ((60, 104), 12), ((104, 60), 1), ((3, 500), 40)])
def test_pictures_of_any_size_fit_into_terminals_of_any_width(size, columns):
    lines = unstyle(strip(np.zeros((5, *size, 3), np.uint8), columns)).split("\n")
    assert max(map(len, lines)) <= columns


def test_four_strips_are_printed_on_a_terminal_and_elsewhere_it_is_refused(tmp_path, monkeypatch):
    printed = []
    monkeypatch.setattr("vstar_sdk.cli.preview.on_terminal", lambda: True)
    monkeypatch.setattr("vstar_sdk.cli.preview.strip", lambda frames, columns, way: printed.append(frames.shape) or "strip")
    words = ["run", "a volcano wakes up", "--frames", "4", "--set", "sampling.steps=10", "--preview", "terminal"]
    assert CliRunner().invoke(cli, [*words, "-o", str(tmp_path / "run")]).exit_code == 0
    assert len(printed) == 4
    monkeypatch.undo()
    refused = CliRunner().invoke(cli, [*words, "-o", str(tmp_path / "other")])
    assert refused.exit_code == 7
    assert "stderr is not a terminal" in refused.stderr
    assert not (tmp_path / "other").exists()
