"""Processes that are watched: every file that Python opens for writing, every socket, in the process and in its children."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WATCH = """
import json, os, sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
TWO = ("os.rename", "os.link", "os.symlink")
ONE = ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.chown",
       "os.utime")
log = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def text(value):
    return os.fsdecode(value) if isinstance(value, (str, bytes, os.PathLike)) else repr(value)

def note(kind, *what):
    os.write(log, json.dumps([kind, *what]).encode() + b"\\n")

def watch(event, arguments):
    if event == "open":
        path, _, flags = arguments
        if flags & WRITES and not isinstance(path, int):
            note("write", os.path.abspath(text(path)))
    elif event in (*ONE, *TWO):
        folder = arguments[-1] if isinstance(arguments[-1], int) and arguments[-1] >= 0 else None
        where = os.readlink(f"/proc/self/fd/{folder}") if folder is not None else ""
        for path in arguments[:2] if event in TWO else arguments[:1]:
            if not isinstance(path, int):
                note("write", os.path.abspath(os.path.join(where, text(path))))
    elif event.startswith("socket."):
        note("socket", event, repr(arguments)[:200])
    elif event == "subprocess.Popen":
        note("process", *map(text, arguments[1]))

sys.addaudithook(watch)
"""


@dataclass
class Watched:
    """What a process did.

    Attributes:
        writes: paths that it, or a child, opened for writing, made, moved or removed.
        sockets: events of sockets.
        processes: command lines that it started.
        new: files that are in its home, its folder of temporary files, its cache or its working folder and were not before,
            relative to the folder that holds these; native code cannot hide from this.
        output: of it.
    """

    writes: set[str]
    sockets: list[Any]
    processes: list[list[str]]
    new: set[str]
    output: str

    def outside(self, *folders: Path) -> set[str]:
        """What it wrote elsewhere; the null device does not count."""
        return {path for path in self.writes if path != os.devnull and not any(Path(path).is_relative_to(one) for one in folders)}


@pytest.fixture
def watched(tmp_path):
    """Run Python code in a watched process; its working folder is ``tmp_path / "work"``."""
    for name in ("home", "temporary", "cache", "work", "site"):
        (tmp_path / name).mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])

    def files():
        return {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}

    def run(code: str, **environment: str) -> Watched:
        before, log = files(), tmp_path.parent / f"{tmp_path.name}-watched.jsonl"
        log.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path / "work",
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": path,
                "PYTHONDONTWRITEBYTECODE": "1",  # bytecode beside the sources is Python's own
                "WATCHED": str(log),
                "HOME": str(tmp_path / "home"),
                "TMPDIR": str(tmp_path / "temporary"),
                "VSTAR_CACHE_DIR": str(tmp_path / "cache"),
                "VSTAR_CONFIG": "",
                **environment,
            }
            | {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "temporary" / "torch")},  # torch sets it for its children
        )
        assert done.returncode == 0, done.stderr
        noted = [json.loads(line) for line in log.read_text().splitlines()]
        return Watched(
            {note[1] for note in noted if note[0] == "write"},
            [note[1:] for note in noted if note[0] == "socket"],
            [note[1:] for note in noted if note[0] == "process"],
            files() - before,
            done.stdout,
        )

    return run
