"""Asking again after faults that pass, within a bound of time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from vstar_sdk.llm.faults import Fault, Place, brief, failure
from vstar_sdk.llm.secrets import Secret

T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
"""Seconds before the first further attempt, which double at each, when the server names no time."""


def persist(attempt: Callable[[float], T], *, place: Place, retries: int, secret: Secret | None) -> T:
    """Make attempts until one succeeds, or there is no sense or no time in another.

    Args:
        attempt: called with the seconds that it may take.
        place: who is asked; all attempts and waits take at most ``(retries + 1) * place.timeout``.
        retries: further attempts.
        secret: the key that the error must not hold.

    Raises:
        BackendError: the last attempt failed.
    """
    deadline = time.monotonic() + place.timeout * (retries + 1)
    number = 0
    while True:
        number += 1
        try:
            return attempt(min(place.timeout, max(deadline - time.monotonic(), 0.01)))
        except Fault as error:
            fault = error
        wait = fault.wait if fault.wait is not None else _wait(number)
        if number > retries or not fault.passing or time.monotonic() + wait >= deadline:
            break
        time.sleep(wait)
    # Raised here, not in the handler: nothing that knows the key stays attached to the error then.
    reply = secret.hide(fault.reply) if secret else fault.reply
    reported = Fault(fault.kind, reply, status=fault.status, wait=fault.wait, spent=fault.spent)
    raise failure(reported, place, number)


def unusable(error: Exception, secret: Secret | None) -> str:
    """The words of an error about an address, without the key."""
    return brief(secret.hide(str(error)) if secret else str(error))


def _wait(number: int) -> float:
    return min(FIRST_WAIT * 2 ** (number - 1), LONGEST_WAIT) * random.uniform(0.75, 1.0)  # noqa: S311
