"""Texts without what they would give away of a machine and its user: paths, addresses, names, secrets."""

from __future__ import annotations

import getpass
import os
import platform
import re
from collections.abc import Iterator
from contextlib import suppress

_SECRETS = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
"""In the names of environment variables that hold one."""

_SHORTEST, _SHORTEST_SECRET = 3, 12
"""Letters of the shortest name, and of the shortest secret, that is looked for."""

_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s'\"<>]+", re.IGNORECASE)
_QUOTED = re.compile(r"(['\"`])(?:/|~/|[A-Za-z]:[\\/]|\\\\)(?:[^'\"`\n]*[\\/])?([^\\/'\"`\n]*)\1")
_PATH = re.compile(r"(?<![\w.…/\\-])(?:~?/|[A-Za-z]:[\\/]|\\\\)(?:[^\s'\"`/\\:]+[\\/])+([^\s'\"`/\\:;,)]*)")


def discreet(text: str) -> str:
    """A text for a file that may be handed on.

    Of an absolute path, or one below ``~``, its last part stays; of an address its scheme. The names of user and host, and
    what environment variables hold whose names say that it is a secret, are replaced.

    Args:
        text: written for the user, such as a warning; what a plugin has said may be in it.
    """
    for hidden, words in _known():
        text = text.replace(hidden, words)
    text = _ADDRESS.sub(r"\1[address]", text)
    text = _QUOTED.sub(r"\1…/\2\1", text)
    text = _PATH.sub(r"…/\1", text)
    for name, words in _names():
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", words, text)
    return text


def _known() -> Iterator[tuple[str, str]]:
    """Secrets, the longest first, for one may hold another."""
    values = {value for name, value in os.environ.items() if _SECRETS.search(name) and len(value) >= _SHORTEST_SECRET}
    return ((value, "[secret]") for value in sorted(values, key=len, reverse=True))


def _names() -> Iterator[tuple[str, str]]:
    host = platform.node()
    for name in dict.fromkeys((host, host.partition(".")[0])):
        if len(name) >= _SHORTEST:
            yield name, "[host]"
    with suppress(KeyError, OSError):  # there is no such user
        if len(name := getpass.getuser()) >= _SHORTEST:
            yield name, "[user]"
