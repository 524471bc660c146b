"""The gate before an import of an installed plugin: whether this process would survive it."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from vstar_sdk.errors import PluginError
from vstar_sdk.plugin import switches
from vstar_sdk.plugin.boundary.faults import AUTHOR
from vstar_sdk.plugin.probe import memory
from vstar_sdk.plugin.probe.target import Target

_log = logging.getLogger(__name__)

HINT = f"{AUTHOR}; 'vstar plugins --check' tests it again, with {switches.PROBE}=120 for longer"
"""What can be done about a plugin that is refused here."""


def refuse(what: str, target: Target) -> None:
    """Refuse an import that would end this process, or never come back.

    Args:
        what: the beginning of the message: "plugin acme (vstar-acme 1.2) cannot be imported".
        target: what is about to be imported.

    Raises:
        PluginError: it would.
    """
    if fault := faults([target])[target]:
        raise PluginError(f"{what}: {fault}", hint=HINT)


def faults(targets: Iterable[Target], *, again: bool = False) -> dict[Target, str | None]:
    """What imports would do to this process, each tried once for every state of its files.

    What this process has imported, and what cannot be found, is not tried.

    Args:
        targets: those that are new are tried next to each other.
        again: try those that are remembered as faulty, too.

    Returns:
        For each target its fault, or None.

    Raises:
        PluginError: `switches.PROBE` holds no number.
    """
    known: dict[Target, str | None] = dict.fromkeys(targets)
    seconds = switches.probe_seconds()
    if seconds == 0 or not _can_try():
        return known
    new: dict[Target, str] = {}
    for target in known:
        if target.imported or not target.roots:
            continue
        state = target.state()
        verdict = memory.recall(target, state)
        if verdict is None or (again and verdict.fault):
            new[target] = state
        else:
            known[target] = verdict.fault
    if new:
        known.update(_tried(new, seconds))
    return known


def _tried(new: dict[Target, str], seconds: float) -> dict[Target, str | None]:
    from vstar_sdk.plugin.probe import trial

    _log.info("imports tested in child processes: %s", ", ".join(target.value for target in new))
    try:
        found = trial.run(list(new), seconds)
    except OSError as error:  # no process, or no temporary file, can be had here: then the import itself is the trial
        _log.warning("plugins are imported untested, because no child process can be started: %s", error)
        return {}
    for (target, state), fault in zip(new.items(), found, strict=True):
        memory.keep(target, state, memory.Verdict(fault))
    return dict(zip(new, found, strict=True))


def _can_try() -> bool:
    """Whether there is an interpreter to start, and this is not a child itself.

    In a frozen program, and in one that embeds Python, ``sys.executable`` is that program.
    """
    if switches.PROBING in os.environ or getattr(sys, "frozen", False):
        return False
    return bool(re.match(r"python|pypy", Path(sys.executable or "").name.lower()))
