"""Signals that end a command as Ctrl-C does: what is half-made is removed first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


_came: list[int] = []
"""The signal that came: a library that a command waits in may raise a plain `KeyboardInterrupt` in the place of `Ended`."""


class Ended(KeyboardInterrupt):
    """A signal asked the command to end.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The exit code of a command that was ended: 128 and the number of the signal; Ctrl-C is 2."""
    if isinstance(interrupt, Ended):
        return interrupt.exit_code
    return 128 + _came[0] if _came else 130


@contextmanager
def ended_by_signals() -> Generator[None]:
    """Raise `Ended` in the block where SIGTERM (a supervisor) or SIGHUP (a closed terminal) comes.

    The first counts: they often come twice, and a second must not cut short what the first began. One that is ignored stays so
    (``nohup``), and one that a host handles is the host's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> NoReturn:
        for each in ours:
            signal.signal(each, signal.SIG_IGN)
        _came.append(number)
        raise Ended(number)

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        _came.clear()
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
