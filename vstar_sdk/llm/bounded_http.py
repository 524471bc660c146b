"""An HTTP client that is bounded in the size of what it reads, and work that is bounded in time. Imports httpx2."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import cache
from threading import Thread
from typing import TypeVar, cast

import httpx2

T = TypeVar("T")

LARGEST = 1 << 20
"""Bytes of the largest response that is read; a synopsis has some thousands."""

CONNECT = 10.0
"""Seconds that opening a connection may take, at most."""


class TooLarge(httpx2.TransportError):
    """A response of more than `LARGEST` bytes, or one whose size cannot be told before it is unpacked."""


class OutOfTime(Exception):
    """Work that took longer than it may."""


class _Bounded(httpx2.SyncByteStream):
    """A response body that ends in an error beyond `LARGEST` bytes."""

    def __init__(self, body: httpx2.SyncByteStream) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._body:
            size += len(piece)
            if size > LARGEST:
                raise TooLarge(f"the answer has more than {LARGEST >> 20} MB")
            yield piece

    def close(self) -> None:
        """Close the body."""
        self._body.close()


def bounded_client(headers: Mapping[str, str] | None = None) -> httpx2.Client:
    """A client with bounds on what it reads. It follows no redirect, which would take the prompt and the key elsewhere. What
    is said to this machine goes through no proxy, which would read all of it.

    Args:
        headers: sent with every request.

    Raises:
        httpx2.InvalidURL: a proxy's address in the environment is none.
        ValueError: a proxy's address in the environment is none.
        ImportError: a proxy in the environment needs a package that is not installed.
    """
    return httpx2.Client(
        verify=_certificates(),
        follow_redirects=False,
        headers={**(headers or {}), "accept-encoding": "identity"},
        mounts=dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]")),
        event_hooks={"response": [_bound]},
    )


def in_time(work: Callable[[], T], seconds: float) -> T:
    """What ``work`` returns. After ``seconds`` it is left behind in its thread: a socket's own timeout begins again with every
    byte, so that a server which sends a byte a second could hold it for days.

    Raises:
        OutOfTime: it took longer. Close what it works with, so that the thread ends at the next byte.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True, name="vstar-llm").start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # it was the work's own
            raise
        raise OutOfTime from None


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificates; reading them takes longer than opening a connection, so all clients share them."""
    return httpx2.create_ssl_context()


def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TooLarge("the answer is compressed although the request forbids it, so its size is unknown")
    response.stream = _Bounded(cast(httpx2.SyncByteStream, response.stream))
