"""Environment variables that switch plugins off, or say how they are tried.

=========================  ======================================================================
``VSTAR_PLUGINS``          only these namespaces, with commas between them; set but empty: none
``VSTAR_DISABLE_PLUGINS``  not these namespaces; ``*``: none at all, as ``vstar --no-plugins``
``VSTAR_PLUGINS_STRICT``   ``1``: a plugin that is quarantined is an error, not a warning
``VSTAR_PROBE_SECONDS``    that the first import of a plugin may take, 30 unless set; ``0``: no import is tried beforehand
=========================  ======================================================================
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from vstar_sdk.errors import PluginError

ALLOW = "VSTAR_PLUGINS"
DENY = "VSTAR_DISABLE_PLUGINS"
STRICT = "VSTAR_PLUGINS_STRICT"
PROBE = "VSTAR_PROBE_SECONDS"
PROBING = "VSTAR_PROBING"
"""Set in the child that tries an import, and in whatever that starts: nothing is tried there, or trials could go on for ever."""


def switched_off(namespace: str) -> str | None:
    """Why the environment keeps a plugin out, or None when it does not."""
    denied = _names(DENY)
    if denied is not None and {namespace, "*"} & denied:
        return f"{DENY} names it" if namespace in denied else f"{DENY}=* (or --no-plugins) switches all plugins off"
    allowed = _names(ALLOW)
    if allowed is not None and namespace not in allowed:
        return f"{ALLOW} does not name it"
    return None


def unknown(namespaces: Iterable[str]) -> dict[str, str]:
    """Names in the variables that no plugin has, with the variable that names them.

    Args:
        namespaces: of the plugins that are installed, and of packages that bring commands alone.
    """
    known = {*namespaces, "*"}
    return {name: variable for variable in (ALLOW, DENY) for name in sorted((_names(variable) or set()) - known)}


def any_set() -> bool:
    """Whether the environment keeps any plugin out."""
    return ALLOW in os.environ or DENY in os.environ


def strict() -> bool:
    """Whether a plugin that is quarantined is an error."""
    return os.environ.get(STRICT, "").strip().lower() not in ("", "0", "false", "no")


def probe_seconds() -> float:
    """Seconds that the first import of a plugin may take; 0 when none is tried beforehand.

    Raises:
        PluginError: the variable holds no such number.
    """
    written = os.environ.get(PROBE, "").strip() or "30"
    try:
        seconds = float(written)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise PluginError(f"{PROBE} is '{written}', not a number of seconds up to a day", hint=f"unset {PROBE}, or write 30")
    return seconds


def _names(variable: str) -> set[str] | None:
    written = os.environ.get(variable)
    return None if written is None else {name.strip() for name in written.split(",") if name.strip()}
