"""A check for LLM backends behind an HTTP API: a good answer, and servers that give none.

`vstar_sdk.testing.llm_faults` has many more faults, for backends that many people rely on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from vstar_sdk.errors import BackendError
from vstar_sdk.llm.contract import Message, Request
from vstar_sdk.plugin.boundary.calls import Call, Origin
from vstar_sdk.plugin.boundary.llm_backends import CONTRACT
from vstar_sdk.testing.llm_server import LlmServer, Reply

if TYPE_CHECKING:
    from vstar_sdk.llm.contract import Backend, Completion
    from vstar_sdk.testing.llm_server import Dialect


class Answer(BaseModel):
    """The shape of the answer that is asked for."""

    caption: str


QUESTION = Request(
    system="Answer in one line.", messages=(Message(role="user", text="What does a beach look like?"),), schema=Answer
)
"""What the backend is asked."""

ANSWER = json.dumps({"caption": "a beach at noon"})
"""What the server answers."""


def check_llm_backend(make: Callable[[str], Backend], dialect: Dialect, *, key: str | None = None) -> Completion:
    """Ask a server on loopback through a backend: one that answers, one that fails, one that talks nonsense, and none at all.

    Args:
        make: gives a backend for the address of a server, as a part's factory does; without retries, or the check takes long.
        dialect: how the API words its answers.
        key: what the backend sends as its key; None where it sends none.

    Returns:
        The good answer, for checks of your own.

    Raises:
        PluginError: it gives something else than a completion, or raises something else than an error of vstar_sdk.
        AssertionError: it loses a part of the question or of the answer, takes a failure for an answer, or shows the key.
    """
    with LlmServer([dialect.answer(ANSWER)]).serving() as server:
        backend = _contained(make(server.url))
        completion: Completion = backend.complete(QUESTION)
        backend.close()
        (asked,), (headers,) = server.asked, server.headers
    assert completion.text.strip() == ANSWER, f"the server answered {ANSWER}, and the backend gives {completion.text!r}"
    assert completion.stop == "end", f"the answer is whole, and its stop is {completion.stop!r}, not 'end'"
    told = json.dumps(asked, ensure_ascii=False)
    for what, text in {"the system message": QUESTION.system, "the user's message": QUESTION.messages[0].text}.items():
        assert text in told, f"{what} is not in what it sends: {told[:400]}"
    assert key is None or any(key in value for value in headers.values()), "it sends no header with the key"
    _hides(f"{backend.__wrapped__!r} {vars(backend.__wrapped__)!r} {completion!r}", key, "what its objects show of themselves")
    for what, reply in {
        "a server error": dialect.error(500, "out of order"),
        "a refused key": dialect.error(401, "no such key"),
        "an answer that is no JSON": Reply(200, b"<html>hello</html>", {"content-type": "text/html"}),
        "an empty answer": Reply(200, b"{}", {"content-type": "application/json"}),
    }.items():
        with LlmServer([reply]).serving() as server:
            _refuses(make(server.url), what, key)
    _refuses(make("http://127.0.0.1:9"), "a server that is not there", key)
    return completion


def _refuses(made: Backend, what: str, key: str | None) -> None:
    backend = _contained(made)
    try:
        completion = backend.complete(QUESTION)
    except BackendError as error:
        _hides(f"{error!r} {error} {error.hint} {error.__cause__!r} {error.__context__!r}", key, f"the error after {what}")
    else:
        raise AssertionError(f"after {what} it gives {completion!r}: it must raise a BackendError")
    finally:
        backend.close()


def _hides(text: str, key: str | None, where: str) -> None:
    assert key is None or key not in text, f"the key is in {where}"


def _contained(backend: Backend) -> Any:
    return Call(Origin("the LLM backend under test"), "object").checked(
        lambda made, call: CONTRACT.contain(made, call.origin), backend
    )
