"""A JSON API over HTTP, asked within bounds of time, attempts and size. Imports httpx2: load it when a run asks."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel

from vstar_sdk.errors import BackendError
from vstar_sdk.llm.addresses import REMEDY, open_to_others
from vstar_sdk.llm.attempts import persist, unusable
from vstar_sdk.llm.bounded_http import CONNECT, OutOfTime, TooLarge, bounded_client, in_time
from vstar_sdk.llm.endpoint_options import EndpointOptions
from vstar_sdk.llm.error_body import ErrorText, as_shape, fault_in, status_in
from vstar_sdk.llm.faults import Fault, Place, plain_http, retry_after
from vstar_sdk.llm.secrets import Secret, redacted_logs

Shape = TypeVar("Shape", bound=BaseModel)


class Endpoint:
    """A JSON API at one address, for LLM backends.

    Bounds hold for all that it does: `timeout` and `retries` of the options, 1 MB an answer, no redirects, no compression.
    The key is sent as one header, and is taken out of errors, of log records of the HTTP library, and of what `hide` is given.

    Args:
        options: address and bounds; `base_url` must be set.
        service: whose API it is, for messages: ``the Acme API``.
        secret: the key, or None where none is sent.
        header: the header that holds the key.
        scheme: what stands before the key in it.

    Raises:
        BackendError: no connection can be set up with this address, or with the proxy in the environment.
    """

    def __init__(
        self,
        options: EndpointOptions,
        *,
        service: str,
        secret: Secret | None,
        header: str = "authorization",
        scheme: str = "Bearer ",
    ) -> None:
        if options.base_url is None:
            raise BackendError(f"no address of {service} is given", hint="set synopsis.backend.base_url")
        self._base = options.base_url.rstrip("/")
        self._options = options
        self._secret = secret
        self._header, self._scheme = header, scheme
        if secret and not options.insecure and open_to_others(self._base):
            raise BackendError(f"the key of {service} would be sent over plain http, where anyone can read it", hint=REMEDY)
        parts = urlsplit(self._base)
        self._place = Place(
            service=service,
            url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            model=options.model,
            key=secret.name if secret else None,
            timeout=options.timeout,
        )
        problem = ""
        try:
            self._client = self._connect()
        except (httpx2.InvalidURL, ImportError, ValueError) as error:
            problem = unusable(error, secret)
        if problem:
            raise BackendError(
                f"no connection to {service} can be set up: {problem}",
                hint="check synopsis.backend.base_url, and the environment variable HTTPS_PROXY",
            )

    def post(self, path: str, body: Mapping[str, object], *, shape: type[Shape], what: str) -> Shape:
        """Send a JSON body and read the answer; ask again after faults that pass.

        Args:
            path: below the base address: ``/chat/completions``.
            body: what is sent.
            shape: what is used of the answer; name only the fields you need, so that new ones break nothing.
            what: what the answer is called in messages: ``chat completion``.

        Raises:
            StatusError: the server answered with an error status (see its `status` and `reply`).
            BackendError: no answer within the options' time and attempts, or one of another shape.
        """
        content = json.dumps(body).encode()
        if self._secret is None:
            return self._persist(path, content, shape, what)
        with redacted_logs(self._secret, ("httpx2", "httpcore2")):
            return self._persist(path, content, shape, what)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the address; hand it on in `Completion.warnings`."""
        return plain_http(self._place) if open_to_others(self._base) else ()

    def hide(self, text: str) -> str:
        """The text without the key. Pass everything through it that a server said and a person may see."""
        return self._secret.hide(text) if self._secret else text

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _persist(self, path: str, content: bytes, shape: type[Shape], what: str) -> Shape:
        return persist(
            lambda seconds: self._attempt(path, content, seconds, shape, what),
            place=self._place,
            retries=self._options.retries,
            secret=self._secret,
        )

    @staticmethod
    def _connect() -> httpx2.Client:
        return bounded_client({"content-type": "application/json", "accept": "application/json"})

    def _attempt(self, path: str, content: bytes, seconds: float, shape: type[Shape], what: str) -> Shape:
        try:
            response = in_time(lambda: self._send(path, content, seconds), seconds)
        except (OutOfTime, httpx2.TimeoutException):
            self._client.close()
            self._client = self._connect()
            raise Fault("timeout") from None
        except TooLarge as error:
            raise Fault("bounds", str(error)) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Fault("unreachable", str(error) or type(error).__name__) from None
        content, wait = response.content.removeprefix(codecs.BOM_UTF8), retry_after(response.headers)
        if not response.is_success:
            found = fault_in(content) or ErrorText(_plain(response), 0, False)
            raise Fault("status", found.words, status=response.status_code, wait=wait, spent=found.spent)
        read = as_shape(content, shape)
        # Some servers send their errors with the status of a success.
        found = fault_in(content, certain=read is not None) if "error" not in shape.model_fields else None
        if found is None and read is None and (words := _plain(response)):
            found = ErrorText(words, status_in(words), False)
        if found is not None:
            raise Fault("status", found.words, status=found.status or response.status_code, wait=wait, spent=found.spent)
        if read is None:
            raise Fault("nonsense", what)
        return read

    def _send(self, path: str, content: bytes, seconds: float) -> httpx2.Response:
        key = {self._header: self._scheme + self._secret.reveal()} if self._secret else {}
        timeout = httpx2.Timeout(seconds, connect=min(seconds, CONNECT))
        return self._client.post(self._base + path, content=content, headers=key, timeout=timeout)


def _plain(response: httpx2.Response) -> str:
    """An error in plain text; a page of HTML says nothing that a line could hold."""
    return response.text if response.headers.get("content-type", "").startswith("text/plain") else ""
