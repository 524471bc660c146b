"""The kit finds what is wrong with an executor."""

from __future__ import annotations

from typing import Any

import pytest

from vstar_sdk import PluginError, run_cells
from vstar_sdk.sweeps.local import LocalOptions
from vstar_sdk.sweeps.processes import Local
from vstar_sdk.testing.executors import check_executor


class Here:
    def run(self, sweep, cells):
        run_cells(sweep, cells)


class First(Here):
    def run(self, sweep, cells):
        run_cells(sweep, cells[:2])


class Talking(Here):
    def run(self, sweep, cells) -> Any:
        yield from cells


def test_executors_that_are_well(tmp_path):
    check_executor(Here, tmp_path / "here")
    check_executor(lambda: Local(LocalOptions(workers=1)), tmp_path / "local")


def test_executors_that_are_not(tmp_path):
    with pytest.raises(AssertionError, match="give all of them"):
        check_executor(First, tmp_path / "first")
    with pytest.raises(PluginError, match=r"its run\(\) is a generator"):
        check_executor(Talking, tmp_path / "talking")
    with pytest.raises(PluginError, match=r"it has no run\(\)"):
        check_executor(object, tmp_path / "object")  # pyright: ignore[reportArgumentType]
