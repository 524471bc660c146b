"""The page of Gradio: what it shows while a run lasts, and that it is one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import vstar_sdk
import vstar_sdk.gradio as page
from vstar_sdk import Session

UI = SimpleNamespace(update=lambda **changes: changes)
SPEC = "prompt: a volcano wakes up\nframes: 6\nsampling: {steps: 4}\n"


@pytest.fixture(scope="module")
def session():
    with Session() as session:
        yield session


def test_progress_previews_states_and_the_video(session):
    shown, files = [], []
    for one in page._run(UI, session, SPEC):
        shown.append(one)
        files += [Path(one[2]).read_bytes()] if one[2] is not None else []
    *on_the_way, (states, preview, _) = shown
    assert [file[4:8] for file in files] == [b"ftyp"]
    assert any("step 3 of 4" in said for said, _, _ in on_the_way)
    pictures = [shown["value"] for _, shown, _ in on_the_way if "value" in shown]
    assert pictures
    assert pictures[0].shape[2] == 3
    assert states.startswith("frames 0-0: a volcano")
    assert preview == {"visible": False}


def test_a_video_that_was_shown_leaves_no_file(session):
    *_, (_, _, video) = page._run(UI, session, SPEC)
    assert video is not None
    assert not Path(video).parent.exists()


def test_a_text_is_a_prompt_and_never_the_name_of_a_file(session, tmp_path):
    file = tmp_path / "of-the-host.yaml"
    file.write_text("prompt: a volcano wakes up\nframes: 6\n")
    assert "prompt:" in (told := page._planned(session, str(file)))
    assert "6 frames" not in told
    assert "64 frames" in page._planned(session, "a volcano wakes up")
    assert "the spec must be a mapping" in page._planned(session, "- a volcano")


def test_what_is_wrong_is_told_on_the_page(session):
    ((said, _, video),) = page._run(UI, session, "promt: x")
    assert "Did you mean 'prompt'?" in said
    assert video is None
    assert "Did you mean 'prompt'?" in page._planned(session, "promt: x")
    assert "6 frames of 64x64" in page._planned(session, SPEC)


def test_a_page_that_is_left_stops_its_run(session, monkeypatch):
    jobs = []
    start = session.start
    monkeypatch.setattr(session, "start", lambda *given, **more: jobs.append(start(*given, **more)) or jobs[-1])
    shown = page._run(UI, session, SPEC.replace("steps: 4", "steps: 900"))
    next(shown)
    shown.close()  # pyright: ignore[reportAttributeAccessIssue]  (a generator)
    with pytest.raises(vstar_sdk.RunCancelled):
        jobs[0].result()


def test_without_the_package_its_remedy_is_named(session, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gradio", None)
    with pytest.raises(vstar_sdk.MissingDependency) as missing:
        page.blocks(session)
    assert missing.value.hint == "pip install 'vstar-sdk[gradio]'"
