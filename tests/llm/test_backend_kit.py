"""What `vstar_sdk.backends` gives to authors of backends."""

from __future__ import annotations

import copy
import logging
import pickle
import threading
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field

import vstar_sdk.backends
from vstar_sdk.backends import Endpoint, EndpointOptions, Secret, closed_schema, read_secret
from vstar_sdk.errors import BackendError
from vstar_sdk.llm.bounded_http import OutOfTime, in_time
from vstar_sdk.llm.faults import brief, retry_after
from vstar_sdk.llm.secrets import redacted_logs
from vstar_sdk.resolver import Resolver
from vstar_sdk.synopsis.answers import answer_model
from vstar_sdk.testing.llm_server import LlmServer, Reply

KEY = "sk-test-41/b7+9c=e2a6"


class Options(EndpointOptions):
    model: str = "m"
    api_key_env: str | None = "MY_KEY"


class Word(BaseModel):
    model_config = ConfigDict(extra="ignore")
    word: str


def test_every_public_name_is_there():
    for name in vstar_sdk.backends.__all__:
        assert getattr(vstar_sdk.backends, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = vstar_sdk.backends.nonsense


@pytest.mark.parametrize(
    "text",
    [KEY, KEY.upper(), f"a {KEY}, b", "sk-test-41%2Fb7%2B9c%3De2a6", "sk-test-41\\/b7+9c=e2a6"],
)
def test_a_secret_is_hidden_in_every_form_that_a_server_may_send_back(text):
    hidden = Secret("MY_KEY", KEY).hide(text)
    assert "[key]" in hidden
    assert "b7" not in hidden.lower()


def test_a_secret_is_shown_by_nothing():
    secret = Secret("MY_KEY", KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == KEY
    for shown in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            shown(secret)


def test_a_secret_comes_from_the_resolver():
    class Vault(Resolver):
        def secret(self, name):
            return {"MY_KEY": KEY}.get(name)

    assert read_secret(Vault(), "MY_KEY", "the API").reveal() == KEY
    with pytest.raises(BackendError, match="OTHER is not set; it must contain the key of the API"):
        read_secret(Vault(), "OTHER", "the API")


def test_logs_of_a_library_and_its_children_hold_no_key(caplog):
    caplog.set_level(logging.DEBUG)
    child = logging.getLogger("acme.http")
    with redacted_logs(Secret("MY_KEY", KEY), ["acme"]):
        logging.getLogger("acme").info("key=%s", KEY)
        child.info("headers: %s", {"x-key": KEY})
        try:
            raise ValueError(f"bad header {KEY}")
        except ValueError:
            child.exception("no")
    child.info("after: %s", KEY)
    assert caplog.text.count("[key]") == 3
    assert caplog.text.count(KEY) == 1
    assert not child.filters


def test_a_header_of_ones_own_holds_the_key():
    with LlmServer([Reply(200, b'{"word": "oak", "new": 1}')]).serving() as server:
        endpoint = Endpoint(
            Options(base_url=server.url), service="the API", secret=Secret("MY_KEY", KEY), header="x-key", scheme=""
        )
        assert endpoint.post("/ask", {"a": 1}, shape=Word, what="word").word == "oak"
        endpoint.close()
    assert (server.paths, server.asked, server.headers[0]["x-key"]) == (["/ask"], [{"a": 1}], KEY)
    assert "authorization" not in server.headers[0]


def test_an_endpoint_has_an_address():
    with pytest.raises(BackendError, match="no address of the API is given"):
        Endpoint(Options(), service="the API", secret=None)


def test_work_that_takes_too_long_is_left_behind():
    never = threading.Event()
    with pytest.raises(OutOfTime):
        in_time(lambda: never.wait(20), 0.05)
    never.set()
    assert in_time(lambda: 3, 5) == 3
    with pytest.raises(TimeoutError, match="its own"):
        in_time(lambda: _raise(TimeoutError("its own")), 5)


def _raise(error):
    raise error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_how_long_a_server_asks_to_wait(headers, seconds):
    assert retry_after(headers) == seconds


def test_others_words_are_one_short_line_without_control_characters():
    assert brief("a\x1b[31m b\n\x07c") == "a [31m b c"
    assert len(brief("x" * 1000)) == 303


def test_a_closed_schema_is_closed_at_every_depth():
    schema = closed_schema(answer_model(4))
    state = schema["$defs"]["AnswerState"]
    assert (schema["required"], schema["additionalProperties"]) == (["states", "style"], False)
    assert (state["required"], state["additionalProperties"]) == (["caption"], False)
    assert (schema["properties"]["states"]["minItems"], schema["properties"]["states"]["maxItems"]) == (4, 4)
    assert state["properties"]["caption"]["maxLength"] == 300
    assert "default" not in schema["properties"]["style"]


def test_names_that_look_like_keywords_are_left_alone():
    class Odd(BaseModel):
        title: Annotated[str, Field(max_length=3)] = "x"
        default: int = 1
        type: str = "y"

    schema = closed_schema(Odd, lengths=False)
    assert list(schema["properties"]) == schema["required"] == ["title", "default", "type"]
    assert schema["properties"]["title"] == {"type": "string", "description": "(at most 3 characters)"}
