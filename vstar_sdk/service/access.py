"""Who may talk to the service: the names that it goes by, the pages that may use it, and the token."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vstar_sdk.errors import SpecError
from vstar_sdk.reading.escapes import printable

_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass(frozen=True)
class Access:
    """What a request must bring.

    Attributes:
        names: host names, without ports, that the service is asked by.
        addresses: whether any IP address will do as a name: no page can be led to one by another's DNS.
        origins: pages of other hosts that may use it, such as ``https://studio.example.org``.
        token: SHA-256 of the token that every request must bring; None: none must.
    """

    names: frozenset[str]
    addresses: bool = False
    origins: frozenset[str] = frozenset()
    token: bytes | None = None

    def knows(self, host: str) -> bool:
        """Whether the service goes by the name in a ``Host`` header."""
        name = host_name(host)
        if name is None:
            return False
        return name in self.names or (self.addresses and _is_address(name))

    def lets_in(self, authorization: str | None) -> bool:
        """Whether an ``Authorization`` header holds the token. It takes equally long for every wrong one."""
        if self.token is None:
            return True
        scheme, _, given = (authorization or "").partition(" ")
        same = hmac.compare_digest(hashlib.sha256(given.strip().encode("utf-8", "replace")).digest(), self.token)
        return same and scheme.lower() == "bearer"

    def allows(self, origin: str, host: str) -> bool:
        """Whether a page may use the service: one that it served itself, or one of `origins`."""
        return origin in self.origins or origin.partition("://")[2].lower() == host.lower()


def access(
    host: str,
    *,
    token_env: str | None,
    names: Iterable[str] = (),
    origins: Iterable[str] = (),
    environment: Mapping[str, str] = os.environ,
) -> Access:
    """What requests to a service must bring.

    Args:
        host: the address that it listens at.
        token_env: environment variable that holds the token.
        names: more host names that it goes by.
        origins: see `Access`.
        environment: the variables.

    Raises:
        SpecError: it listens beyond this machine without a token, or the token is too short or not there.
    """
    local = host in _LOOPBACK or _is_loopback(host)
    if token_env is None and not local:
        raise SpecError(
            f"{printable(host)} can be reached from other machines, so a token is required",
            hint="put one into an environment variable and name it: --token-env VSTAR_TOKEN; or listen at 127.0.0.1",
        )
    token = None
    if token_env is not None:
        value = environment.get(token_env, "")
        if len(value) < _SHORTEST_TOKEN:
            raise SpecError(
                f"the environment variable {printable(token_env)} holds no token of at least {_SHORTEST_TOKEN} characters",
                hint="make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            )
        token = hashlib.sha256(value.encode()).digest()
    for origin in origins:
        if origin.partition("://")[0] not in ("http", "https") or "/" in origin.partition("://")[2] or origin.endswith("://"):
            raise SpecError(f"--allow-origin {printable(origin)}: write scheme and host: https://studio.example.org")
    known = {*_LOOPBACK, *(name.lower() for name in names), *(() if _is_any(host) else (host.lower(),))}
    return Access(frozenset(known), addresses=not local, origins=frozenset(origins), token=token)


_SHORTEST_TOKEN = 16


def host_name(host: str) -> str | None:
    """The name in a ``Host`` header, without its port; None where it is malformed."""
    host = host.lower()
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        if not bracket or not (port == "" or (port.startswith(":") and port[1:].isdigit())) or not _is_address(name):
            return None
        return name
    name, colon, port = host.partition(":")
    if not name or (colon and not (port.isascii() and port.isdigit())):
        return None
    return name if all(sign.isalnum() or sign in "-._" for sign in name) and name.isascii() else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_any(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified
