"""Locks on files."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from vstar_sdk.output.locks import held, leads_to, lock, unlock


def test_looking_at_a_lock_never_refuses_it(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    done = threading.Event()

    def look():
        while not done.is_set():
            held(path)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(500):
            descriptor = os.open(path, os.O_RDWR)
            assert lock(descriptor)
            assert held(path)
            os.close(descriptor)
    finally:
        done.set()
        for looker in lookers:
            looker.join()
    assert not held(path)


def test_a_second_lock_is_refused_until_the_first_ends(tmp_path):
    path = tmp_path / "lock"
    first, second = (os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert lock(first)
    assert not lock(second)
    unlock(first)
    assert lock(second)
    os.close(first)
    os.close(second)
    assert not held(path)
    assert not held(tmp_path / "none")


def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / "lock"
    code = "import os, sys\nfrom vstar_sdk.output.locks import lock\n"
    code += "assert lock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT))\nprint(flush=True)\nsys.stdin.read()\nos._exit(9)"
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert held(path)
        process.communicate()
    assert not held(path)


def test_a_path_may_lead_elsewhere_by_now(tmp_path):
    path = tmp_path / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    assert leads_to(path, descriptor)
    path.unlink()
    assert not leads_to(path, descriptor)
    path.touch()
    assert not leads_to(path, descriptor)
    os.close(descriptor)
