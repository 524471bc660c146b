"""Having a third party's template checked or filled in by a child process: nothing that it does can hold up or harm this one.

A thread cannot interrupt one long call into C, such as the making of a huge text; the end of a process can. The child is a
fresh interpreter, never a fork of this process with its threads, without the secrets of the environment and without ``site``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from vstar_sdk.errors import TemplateError
from vstar_sdk.templating.sandbox.blocks import Values
from vstar_sdk.templating.sandbox.names import Names
from vstar_sdk.templating.sandbox.problems import Problem, Refusal

LONGEST_WAIT = 30.0
"""Seconds for the child to start, work and end; its own clocks end it sooner."""

_PROGRAM = "import sys; sys.path += sys.argv[1:]; from vstar_sdk.templating.sandbox.child import main; main()"
_NEEDED = ("vstar_sdk", "jinja2", "markupsafe")
_KEPT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables that an interpreter may need to start at all."""

_CLOCKS = {getattr(signal, name, None) for name in ("SIGPROF", "SIGXCPU")}
"""Signals by which the system ends a process that has used up its time."""


def check(source: str, names: Names) -> tuple[list[Problem], frozenset[str]]:
    """`vstar_sdk.templating.sandbox.blocks.check`, in a child process.

    Raises:
        TemplateError: no child process can be started.
    """
    try:
        answer = _ask({"source": source, "names": _plain(names)})
    except Refusal as refusal:
        return [refusal.problem], frozenset()
    return [Problem(*one) for one in answer["problems"]], frozenset(answer.get("used", ()))


def fill(source: str, names: Names, system: Values, user: Values) -> tuple[str, str]:
    """`vstar_sdk.templating.sandbox.blocks.fill`, in a child process.

    Raises:
        Refusal: the template is wrong, or wants too much time, memory or text.
        TemplateError: no child process can be started.
    """
    answer = _ask({"source": source, "names": _plain(names), "system": dict(system), "user": dict(user)})
    if "problems" in answer:
        raise Refusal(Problem(*answer["problems"][0]))
    return answer["system"], answer["user"]


def _plain(names: Names) -> dict[str, list[str]]:
    return {"declared": sorted(names.declared), "withheld": sorted(names.withheld), "given": sorted(names.given)}


def _ask(question: dict[str, Any]) -> dict[str, Any]:
    if not sys.executable or getattr(sys, "frozen", False):
        raise TemplateError(
            "templates that are not built in are rendered in a Python process, but there is no Python interpreter to start",
            hint="use a built-in template, or write the key states yourself",
        )
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _PROGRAM, *_paths()]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    sent = json.dumps(question).encode()
    try:
        done = subprocess.run(
            command, input=sent, capture_output=True, env=environment, timeout=LONGEST_WAIT, creationflags=flags, check=False
        )
    except subprocess.TimeoutExpired:
        raise TemplateError(f"the process that renders templates did not answer within {LONGEST_WAIT:g} s") from None
    except OSError as error:
        raise TemplateError(f"the process that renders templates cannot be started: {error.strerror}") from None
    if done.returncode == 0:
        with contextlib.suppress(ValueError):
            return json.loads(done.stdout)
    system_text = done.stderr.decode("utf-8", "replace").strip()
    if system_text.startswith("Timeout") or -done.returncode in _CLOCKS:
        raise Refusal(Problem(0, "rendering takes too long", "simplify its loops"))
    reason = system_text.splitlines()[-1][:300] if system_text else f"exit code {done.returncode}"
    raise Refusal(Problem(0, f"the process that rendered it failed: {reason}"))


def _paths() -> list[str]:
    """Where the child finds the three packages that it needs."""
    folders: dict[str, None] = {}
    for package in _NEEDED:
        found = importlib.util.find_spec(package)
        if found is not None and found.origin is not None:
            folders[str(Path(found.origin).parents[1])] = None
    return list(folders)
