"""An HTTP client for the Anthropic SDK whose responses are bounded in size and in time."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from functools import cache
from typing import cast

import anthropic
import httpx2

LARGEST = 1 << 20
"""Bytes of the largest response that is read; a synopsis has some thousands."""


class TooLarge(anthropic.AnthropicError):
    """A response of more than `LARGEST` bytes, or one whose size cannot be told before it is unpacked."""


class _Bounded(httpx2.SyncByteStream):
    """A response body that ends in an error beyond so many bytes or seconds.

    Args:
        body: the body.
        seconds: how long all of it may take; the client's own timeout begins anew with every piece.
    """

    def __init__(self, body: httpx2.SyncByteStream, seconds: float | None) -> None:
        self._body = body
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._body:
            size += len(piece)
            if size > LARGEST:
                raise TooLarge(f"the answer has more than {LARGEST >> 20} MB")
            if self._deadline is not None and time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the answer was not complete in time")
            yield piece

    def close(self) -> None:
        """Close the body."""
        self._body.close()


def bounded_client() -> httpx2.Client:
    """The SDK's own client with bounds on what it reads. It follows no redirect, which would take the prompt elsewhere."""
    return anthropic.DefaultHttpxClient(
        verify=_certificates(),
        follow_redirects=False,
        headers={"accept-encoding": "identity"},
        event_hooks={"response": [_bound]},
    )


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificates; reading them takes longer than opening a connection, so all clients share them."""
    return httpx2.create_ssl_context()


def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TooLarge("the answer is compressed although it was asked not to be, and could have any size")
    seconds = response.request.extensions.get("timeout", {}).get("read")
    response.stream = _Bounded(cast(httpx2.SyncByteStream, response.stream), seconds)
