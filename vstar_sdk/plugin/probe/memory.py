"""Verdicts that are kept, one small file for each target, in the user's cache: a second command tries nothing again."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstar_sdk import caches
from vstar_sdk.plugin.probe.target import Target

_log = logging.getLogger(__name__)
_here: dict[tuple[str, str], Verdict] = {}


@dataclass(frozen=True)
class Verdict:
    """What came of a trial.

    Attributes:
        fault: what the import does to the process; None when it comes back.
    """

    fault: str | None


def recall(target: Target, state: str) -> Verdict | None:
    """The verdict on a target in this state of its files; None when it was never tried in it."""
    known = _here.get((target.key, state))
    if known is not None:
        return known
    try:
        kept: Any = json.loads(_file(target).read_bytes())
        if kept["state"] != state or not isinstance(kept["fault"], str | None):
            return None
    except (OSError, ValueError, KeyError, TypeError):  # not there, not ours to read, or damaged: then it is tried again
        return None
    return _here.setdefault((target.key, state), Verdict(kept["fault"]))


def keep(target: Target, state: str, verdict: Verdict) -> None:
    """Remember a verdict: in this process, and in the cache where that can be written."""
    _here[target.key, state] = verdict
    about = {"target": target.value, "distribution": target.distribution, "state": state, "fault": verdict.fault}
    try:
        caches.write(_file(target), json.dumps(about, indent=1))
    except OSError as error:
        _log.info("%s is tested again by the next command, because the result cannot be stored: %s", target.value, error)


def _file(target: Target) -> Path:
    return caches.cache_folder("plugins") / f"{target.key}.json"
