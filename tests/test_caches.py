"""Answers that are found once."""

from __future__ import annotations

import pytest

from vstar_sdk.caches import FOLDER, cache_folder, remembered


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


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert [remembered("plans", 1, lambda: 6), remembered("plans", 1, lambda: 7)] == [6, 7]
