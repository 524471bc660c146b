"""The progress of a sweep on stderr, read from outside: it does not matter where its cells are done."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from vstar_sdk.cli.printing import on_terminal, renew, say
from vstar_sdk.sweeps.index import Sweep
from vstar_sdk.sweeps.status import SweepStatus

_PATIENCE = 1.0
"""Seconds between two looks."""

_SHARE = 0.02
"""Of a core that looking may take."""


def line(status: SweepStatus) -> str:
    """A sweep in one line."""
    counts = status.counts
    others = ", ".join(f"{counts[state]} {state}" for state in ("running", "interrupted", "failed", "waiting") if counts[state])
    return f"{counts['done']} of {len(status.states)} cells done" + (f" ({others})" if others else "")


@contextmanager
def progress(sweep: Sweep, *, quiet: bool) -> Generator[None]:
    """Show how a sweep goes while the block runs.

    Args:
        sweep: its index.
        quiet: show nothing.
    """
    ended = threading.Event()
    watching = threading.Thread(target=_watch, args=(sweep, ended), daemon=True)
    if not quiet:
        watching.start()
    try:
        yield
    finally:
        ended.set()
        if not quiet:
            watching.join()


def _watch(sweep: Sweep, ended: threading.Event) -> None:
    live, last, tenths, cost = on_terminal(), "", -1, 0.0
    while not ended.wait(max(_PATIENCE, cost / _SHARE)):
        began = time.perf_counter()
        status = SweepStatus.of(sweep)
        cost = time.perf_counter() - began
        text, settled = line(status), status.counts["done"] + status.counts["failed"]
        if live and text != last:
            renew(text)
        elif not live and 10 * settled // len(status.states) > tenths:
            tenths = 10 * settled // len(status.states)
            say(text)
        last = text
    if live:
        renew("")
    say(line(SweepStatus.of(sweep)))
