"""Signals that end a command as Ctrl-C does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from vstar_sdk.cli.interrupts import Ended, ended_by_signals, exit_code

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_ends_the_block_once_and_is_as_it_was_behind_it(name, code):
    number = getattr(signal, name)
    before = signal.getsignal(number)

    def work():
        with ended_by_signals():
            try:
                os.kill(os.getpid(), number)
            finally:
                os.kill(os.getpid(), number)  # again, while what is half-made is removed
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Ended) as ended:
        work()
    assert exit_code(ended.value) == code
    assert signal.getsignal(number) is before


def test_a_library_that_raises_a_plain_interrupt_in_its_place_changes_no_exit_code():
    """As Ray does while it waits."""
    with ended_by_signals():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            assert exit_code(KeyboardInterrupt()) == 143
    assert exit_code(KeyboardInterrupt()) == 130


def test_ctrl_c_is_130():
    assert exit_code(KeyboardInterrupt()) == 130


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("name", ["SIGTERM", pytest.param("SIGHUP", marks=pytest.mark.slow)])
def test_a_run_ends_as_cancelled_and_leaves_nothing_half_made(tmp_path, name):
    directory = tmp_path / "run"
    command = ["run", "--prompt", "a volcano wakes up", "--set", "sampling.steps=1", "--json", "--out", str(directory)]
    process = subprocess.Popen(
        [sys.executable, "-m", "vstar_sdk.cli.main", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["kind"] == "decoded" and events[-1]["done"] == 1:
            process.send_signal(getattr(signal, name))
            process.send_signal(getattr(signal, name))
    assert process.wait(60) == 128 + getattr(signal, name)
    assert events[-1]["error"]["type"] == "RunCancelled"
    assert sorted(path.name for path in directory.iterdir()) == ["spec.yaml", "state", "synopsis.json"]
