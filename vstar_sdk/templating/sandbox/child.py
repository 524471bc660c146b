"""The child process: one question on its standard input, one answer on its standard output, and then it ends.

Everything that a template could want to exceed is bounded before the template is read: time by clocks that no computation can
hold up, memory, open files, written bytes and further processes by the system's limits where it has them.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import signal
import sys
from typing import Any

import jinja2.debug  # noqa: F401  # pyright: ignore[reportUnusedImport]  (Jinja imports it at the first error, when no file can be opened any more)

from vstar_sdk.templating.sandbox.blocks import check, fill
from vstar_sdk.templating.sandbox.names import Names
from vstar_sdk.templating.sandbox.problems import Problem, Refusal

SECONDS = 0.2
"""Processor time for one template; a page of text takes a twentieth of it."""

LONGEST = 10.0
"""Seconds by the clock for one template, however busy the machine is."""

LONGEST_UNMEASURED = 1.5
"""The same where the system cannot bound processor time (Windows)."""

MEMORY = 512 << 20
"""Bytes of address space, the interpreter's own included."""


_NAMES = Names(declared=frozenset(), withheld=frozenset(), given=frozenset())
_WARM = (
    "{% block system %}{{ 'a' ~ 1.5 }}{% endblock %}{% block user %}{% for i in range(1) %}{{ i + 1 }}{% endfor %}{% endblock %}"
)
"""Filled in once before any file is out of reach: Python reads some of its own modules only when they are first needed."""


def main() -> None:
    """Answer one question.

    ``{"names": {...}, "source": ...}`` is answered with ``{"problems": [...], "used": [...]}``; with ``system`` and ``user``
    next to it, ``{"system": ..., "user": ...}`` or ``{"problems": [...]}``.
    """
    fill(_WARM, _NAMES, {}, {})
    question = json.loads(sys.stdin.buffer.read())
    _limit_time()
    _limit_resources()
    try:
        answer = _answer(question)
    except MemoryError:
        answer = _problems(Problem(0, f"it needs more than {MEMORY >> 20} MB of memory"))
    sys.stdout.buffer.write(json.dumps(answer).encode())
    sys.stdout.buffer.flush()


def _limit_time() -> None:
    """Two clocks that wait for no computation to end: the kernel's, and a watchdog in a thread of its own."""
    if sys.platform == "win32":
        faulthandler.dump_traceback_later(LONGEST_UNMEASURED, exit=True)
        return
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # which ends the process
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    signal.setitimer(signal.ITIMER_PROF, SECONDS)


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows: the watchdog bounds the time, and so the rest to some degree
        return
    limits = {
        "RLIMIT_CPU": 5,
        "RLIMIT_AS": MEMORY,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NOFILE": 0,
        "RLIMIT_NPROC": 0,
        "RLIMIT_CORE": 0,
    }
    for name, limit in limits.items():
        # A system that does not have a limit, or has set a lower one, keeps its own.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (limit, limit))


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    names = Names(**{key: frozenset(value) for key, value in question["names"].items()})
    if "user" not in question:
        found, used = check(question["source"], names)
        return {**_problems(*found), "used": sorted(used)}
    try:
        system, user = fill(question["source"], names, question["system"], question["user"])
    except Refusal as refusal:
        return _problems(refusal.problem)
    return {"system": system, "user": user}


def _problems(*problems: Problem) -> dict[str, Any]:
    return {"problems": [[problem.line, problem.message, problem.hint] for problem in problems]}
