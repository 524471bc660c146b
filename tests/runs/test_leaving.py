"""A program that ends while a run is under way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import vstar_sdk

session = vstar_sdk.Session()
spec = {{
    "prompt": "a landscape from winter to autumn",
    "frames": 16,
    "synopsis": {{"use": "miniworld"}},
    "regularizers": [],
    "sampling": {{"steps": 400}},
}}
job, waiting = (session.start(spec | {{"seed": n}}, out={out!r} + str(n)) for n in range(2))
for event in job.events():
    if event.kind == "step" and event.step == 2:
        break
print("leaves", flush=True)
"""


def test_a_program_that_leaves_during_a_run_ends_it_and_does_not_abort(tmp_path: Path):
    program = PROGRAM.format(out=str(tmp_path / "run"))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert ended.stdout == "leaves\n"
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "run0" / "video.mp4").exists()
