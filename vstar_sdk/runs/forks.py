"""Processes that fork: in the child nobody holds a lock any more, and the threads that did the work are not there."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """Something with locks or threads."""

    def after_fork(self) -> None:
        """In the child: take new locks, and give up what a thread of the parent was doing."""
        ...


_living: weakref.WeakSet[Forked] = weakref.WeakSet()


def renewed_in_children(thing: Forked) -> None:
    """Have `Forked.after_fork` called in every child process that is forked, as long as the object lives."""
    _living.add(thing)


def _renew() -> None:
    for thing in list(_living):
        thing.after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_renew)
