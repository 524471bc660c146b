"""Addresses of servers: what is none, and who can read what is sent to one."""

from __future__ import annotations

from ipaddress import ip_address
from unicodedata import category
from urllib.parse import urlsplit

REMEDY = "use an https address, or set synopsis.backend.insecure: true on a safe connection, such as an SSH tunnel"

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")
"""Categories of characters that cannot be seen, or change how others are seen: controls, marks of direction, blanks."""


def check_address(url: str) -> None:
    """Refuse what is not an address, or looks like another than it is.

    Raises:
        ValueError: it is none; never quotes it, for it may hold a password.
    """
    for sign in url:
        if category(sign) in _HIDDEN:
            raise ValueError(f"the address has an invisible character (U+{ord(sign):04X}): write it again")
        if sign == "\\":  # a host's end for some readers, a part of its name for others
            raise ValueError("the address has a backslash: use / instead")
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError:  # urllib's quotes the port, which may be a password
        raise ValueError("write an address such as https://host or http://127.0.0.1:8080") from None


def open_to_others(url: str) -> bool:
    """Whether others can read what is sent: plain http to anything but this machine's own loopback address."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
