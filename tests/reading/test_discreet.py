"""Texts that may be handed on."""

from __future__ import annotations

import getpass
import platform

import pytest

from vstar_sdk.reading.discreet import discreet


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "gpubox-7.lab.example")
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    monkeypatch.setenv("ACME_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("ACME_TOKEN", "short")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot read /home/alice/films/a.mp4", "cannot read …/a.mp4"),
        ("No such file or directory: '/home/alice/My Films/a b.mp4'", "No such file or directory: '…/a b.mp4'"),
        ("look at ~/films/a.mp4, please", "look at …/a.mp4, please"),
        ("in '~/films'", "in '…/films'"),
        (r"cannot read C:\Users\alice\a.mp4", "cannot read …/a.mp4"),
        (r"on \\server\share\a.mp4", "on …/a.mp4"),
        ("cannot reach https://alice:pw@gpubox-7.lab.example:8000/v1?q=1: refused", "cannot reach https://[address] refused"),
        ("ran on gpubox-7.lab.example as alice", "ran on [host] as [user]"),
        ("on gpubox-7", "on [host]"),
        ("malice and gpubox-77", "malice and gpubox-77"),
        ("401 for sk-0123456789abcdef", "401 for [secret]"),
        ("a short story", "a short story"),
        ("frames and/or steps at 24 f/s, 1/2 of runs/winter", "frames and/or steps at 24 f/s, 1/2 of runs/winter"),
        ("state 2, 'a purple sky': miniworld was never trained with 'purple'", None),
        ("64 frames are far from the model's own 16: pictures may be worse", None),
    ],
)
def test_what_is_given_away_and_what_stays(text, shown):
    assert discreet(text) == (text if shown is None else shown)


def test_where_there_is_no_user_nothing_is_looked_for(monkeypatch):
    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert discreet("alice at gpubox-7") == "alice at [host]"
