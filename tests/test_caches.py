"""Answers that are found once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from vstar_sdk import caches, run
from vstar_sdk.caches import FOLDER, cache_folder, remembered
from vstar_sdk.cli.main import cli


@pytest.fixture(autouse=True)
def _empty(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path / "cache"))


def test_the_same_question_is_answered_once_and_another_anew():
    asked: list[str] = []

    def find(name: str):
        return lambda: asked.append(name) or {"answer": name}

    for name in ("a", "b", "a"):
        assert remembered("plans", {"question": name}, find(name)) == {"answer": name}
    assert asked == ["a", "b"]


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"subject": 2, "answer": 5}'])
def test_a_damaged_file_is_replaced(content):
    assert remembered("plans", 1, lambda: 3) == 3
    (file,) = cache_folder("plans").iterdir()
    file.write_bytes(content)
    assert remembered("plans", 1, lambda: 4) == 4
    assert remembered("plans", 1, lambda: 5) == 4


def test_what_is_raised_is_not_kept():
    with pytest.raises(ZeroDivisionError):
        remembered("plans", 1, lambda: 1 // 0)
    assert remembered("plans", 1, lambda: 2) == 2


def test_other_code_finds_anew(tmp_path, monkeypatch):
    code = tmp_path / "package" / "room" / "part.py"
    code.parent.mkdir(parents=True)
    monkeypatch.setattr(caches, "_code", lambda: caches.stamp_of(tmp_path / "package"))
    code.write_text("one = 1")
    assert [remembered("plans", 1, lambda: 1), remembered("plans", 1, lambda: 2)] == [1, 1]
    code.write_text("one = 2 - 1")
    assert remembered("plans", 1, lambda: 3) == 3


def test_the_stamp_of_the_code_is_of_every_room_of_the_package():
    assert (caches.PACKAGE / "sampling" / "schedulers.py").exists()
    assert caches._code() == caches.stamp_of(caches.PACKAGE)


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert [remembered("plans", 1, lambda: 6), remembered("plans", 1, lambda: 7)] == [6, 7]


def test_a_question_that_is_no_json_is_answered_each_time():
    answers = iter((6, 7))
    assert [remembered("plans", {"betas": np.zeros(2)}, lambda: next(answers)) for _ in "ab"] == [6, 7]
    assert not cache_folder("plans").exists()


@pytest.fixture(params=[None, "~", "~nobody-is-called-so/cache"])
def homeless(request, tmp_path, monkeypatch):
    """No home directory: a container with a user number that has no name."""
    pwd = pytest.importorskip("pwd")

    def unknown(*_: object) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv(FOLDER)
    if request.param:
        monkeypatch.setenv(FOLDER, request.param)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_directory_there_is_no_cache_and_all_works(tmp_path):
    with pytest.raises(OSError, match="there is no home directory"):
        cache_folder("plans")
    assert [remembered("plans", 1, lambda: 6), remembered("plans", 1, lambda: 7)] == [6, 7]
    run({"prompt": "a volcano wakes up", "frames": 3, "sampling": {"steps": 1}, "output": [{"use": "gif"}]}, out="run")
    told = CliRunner().invoke(cli, ["doctor", "--json"])
    assert json.loads(told.stdout)["caches"]["plans"] == "none: there is no home directory"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
