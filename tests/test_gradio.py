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
    *on_the_way, (states, preview, video) = page._run(UI, session, SPEC)
    assert any("step 3 of 4" in said for said, _, _ in on_the_way)
    pictures = [shown["value"] for _, shown, _ in on_the_way if "value" in shown]
    assert pictures
    assert pictures[0].shape[2] == 3
    assert states.startswith("frames 0-0: a volcano")
    assert preview == {"visible": False}
    assert Path(video).read_bytes()[4:8] == b"ftyp"


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
