"""Runs and the process around them: what a watcher waits for, and children that are forked while a run goes on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

STORY = "{'prompt': 'a landscape from winter to autumn', 'frames': 4, 'sampling': {'steps': 2}}"

FIRST_EVENT = f"""
import sys
from vstar_sdk import Session, hookimpl

class Watcher:
    @hookimpl
    def on_run_start(self, event):
        print(event.kind, event.number, "torch" in sys.modules)

with Session() as session:
    session.run({STORY}, plugins=[Watcher()])
    print("torch" in sys.modules)
"""

FORK = f"""
import faulthandler, os, signal, sys, threading
from vstar_sdk import RunCancelled, Session, VstarError, hookimpl

class Gate:
    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()

    @hookimpl
    def on_step(self, event):
        self.reached.set()
        self.opened.wait()

def child():
    for job in (running, waiting):
        try:
            job.result(timeout=10)
        except RunCancelled as error:
            assert "forked" in str(error), error
        assert job.state == "cancelled" and job.done and job.position == 0
        assert list(job.events())[-1].kind == "run_error"
        job.cancel()
    assert ended.result().id == ended.id
    assert [event.kind for event in ended.events()][-1] == "run_end"
    assert session.run({STORY}).latents.equal(ended.result().latents)
    session.unload()
    session.close()

session, gate = Session(), Gate()
ended = session.start({STORY})
ended.result()
running = session.start({STORY}, plugins=[gate])
gate.reached.wait()
waiting = session.start({STORY})
reader = threading.Thread(target=lambda: list(running.events()), daemon=True)
reader.start()
waiter = threading.Thread(target=running.result, daemon=True)
waiter.start()
pid = os.fork()
if not pid:
    signal.alarm(60)
    status = 1
    try:
        child()
        status = 0
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        os._exit(status)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert running.state == "running" and waiting.state == "queued"
gate.opened.set()
assert running.result().latents.equal(waiting.result().latents)
reader.join()
session.close()
print("both are well")
"""


def script(code):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=240, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_first_event_comes_before_torch_is_imported():
    assert script(FIRST_EVENT) == ["run_start 0 False", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_that_is_forked_while_a_job_runs_does_not_hang():
    assert script(FORK) == ["both are well"]
