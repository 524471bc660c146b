"""Watching a job: a bar on stderr, or a piece of a notebook's page."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from vstar_sdk import RunCancelled, Session, watch

SPEC = {"prompt": "a volcano wakes up", "frames": 4, "sampling": {"steps": 3}}


@pytest.fixture(scope="module")
def session():
    with Session() as session:
        yield session


@pytest.fixture
def notebook(monkeypatch):
    """IPython with a kernel, as far as it is asked; what it displays, in order."""
    shown = []

    class Handle:
        def update(self, piece):
            shown.append(piece._repr_html_())

    def display(piece, display_id):
        shown.append(piece._repr_html_())
        return Handle()

    ipython, inner = ModuleType("IPython"), ModuleType("IPython.display")
    vars(ipython)["get_ipython"] = lambda: type("Shell", (), {"kernel": object()})()
    vars(inner)["display"] = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", inner)
    return shown


def test_a_terminal_has_a_bar_that_ends_full(session, capsys):
    result = watch(session.start(SPEC))
    assert result.tensor().shape[0] == 4
    told = capsys.readouterr().err
    assert "sampling, step 2 of 3" in told
    assert "100%" in told
    assert "done in" in told


def test_a_notebook_has_a_bar_the_states_and_previews_while_it_lasts(session, notebook, monkeypatch):
    monkeypatch.setattr("vstar_sdk.watching._PAUSE", 0)
    watch(session.start(SPEC, previews=True))
    shares = [float(page.split('value="')[1].split('"')[0]) for page in notebook]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert any("data:image/gif;base64," in page for page in notebook)
    assert "data:image/gif" not in notebook[-1]
    assert "frames 0-" in notebook[-1]
    assert not any("<script" in page for page in notebook)


def test_what_fails_is_told_on_the_page_and_raised(session, notebook):
    class Wrecker:
        namespace = "wrecker"

        def __init__(self):
            from vstar_sdk import StopRun, hookimpl

            @hookimpl
            def on_step(event):
                raise StopRun("<enough>")

            self.on_step = on_step

    with pytest.raises(RunCancelled, match="<enough>"):
        watch(session.start(SPEC, plugins=[Wrecker()]))
    assert "cancelled" in notebook[-1]


def test_an_interrupt_cancels_the_job(session, monkeypatch):
    job = session.start(SPEC | {"sampling": {"steps": 900}})
    shown = []

    def interrupted(self, event, done):
        shown.append(event.kind)
        raise KeyboardInterrupt

    monkeypatch.setattr("vstar_sdk.watching._Bar.show", interrupted)
    with pytest.raises(KeyboardInterrupt):
        watch(job)
    with pytest.raises(RunCancelled):
        job.result()


def test_a_program_without_a_console_watches_in_silence(session, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert watch(session.start(SPEC)).clip.frames == 4
