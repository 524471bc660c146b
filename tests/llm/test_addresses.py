"""Where a key may go: over https anywhere, over plain http to this machine, or where the user says that the way is safe."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from vstar_sdk.backends import Endpoint, EndpointOptions, Secret
from vstar_sdk.errors import BackendError, SpecError
from vstar_sdk.llm.addresses import check_address, open_to_others
from vstar_sdk.llm.anthropic import AnthropicOptions
from vstar_sdk.spec.loading import load_spec
from vstar_sdk.testing.llm_server import LlmServer, Reply


class Options(EndpointOptions):
    model: str = "m"
    api_key_env: str | None = None


class Word(BaseModel):
    word: str


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/v1",
        "http://127.8.9.1",
        "http://localhost:1234",
        "http://LOCALHOST",
        "http://[::1]:8080",
        "http://[::ffff:127.0.0.1]",
        "https://api.example.org",
        "https://10.0.0.1",
    ],
)
def test_a_key_may_go_there(url):
    assert not open_to_others(url)
    assert Options(base_url=url, api_key_env="MY_KEY").base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.org/v1",
        "http://10.0.0.1",
        "http://0.0.0.0:8000",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://[fe80::1]",
        "http://2130706433",
    ],
)
def test_a_key_does_not_go_over_plain_http_to_another_machine(url):
    with pytest.raises(ValidationError, match="over plain http others on the network can read the key"):
        Options(base_url=url, api_key_env="MY_KEY")
    assert Options(base_url=url).base_url == url, "without a key the run warns"
    assert Options(base_url=url, api_key_env="MY_KEY", insecure=True).insecure


def test_it_is_refused_before_anything_is_asked():
    backend = {"use": "anthropic", "base_url": "http://10.0.0.1"}
    with pytest.raises(SpecError, match=r"synopsis\.backend: .*base_url: over plain http.*insecure: true"):
        load_spec({"prompt": "an oak", "synopsis": {"use": "llm", "backend": backend}})


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1\n.example.org",
        "https://api.exa\u202emple.org",
        "https://api.\u2066example.org",
        "https://api.example.org\u200b",
        "https://api.example\x1b[31m.org",
        "\x00https://api.example.org",
        "https://api.example.org/a b",
        "https://api.example.org\u00a0",
        "https://api.example.org\u2028",
        "https://api.example.org\\@127.0.0.1",
        "https://api.\ud800.org",
    ],
)
def test_an_address_that_looks_like_another_is_refused_and_not_repeated(url):
    with pytest.raises(ValueError, match=r"invisible character \(U\+|a backslash") as caught:
        check_address(url)
    assert str(caught.value).isprintable()
    for options in (Options, AnthropicOptions):
        with pytest.raises(ValidationError):
            options(base_url=url)


def test_an_endpoint_warns_of_plain_http_and_refuses_a_key_that_slipped_through():
    options = Options(base_url="http://10.0.0.1:9")
    (warning,) = Endpoint(options, service="the API", secret=None).warnings
    assert warning.startswith("http://10.0.0.1:9 is used over plain http: others on the network can read the prompt")
    secret = Secret("MY_KEY", "sk-test-0123456789")
    with pytest.raises(BackendError, match="the key of the API would be sent over plain http"):
        Endpoint(options, service="the API", secret=secret)
    (warning,) = Endpoint(Options(base_url="http://10.0.0.1:9", insecure=True), service="the API", secret=secret).warnings
    assert "can read the key, the prompt" in warning
    assert Endpoint(Options(base_url="https://10.0.0.1:9"), service="the API", secret=secret).warnings == ()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://10.0.0.1:9", "the key of the Anthropic API would be sent over plain http"),
        ("https://api.exa\u202emple.org", "invisible character (U+202E)"),
    ],
)
def test_an_address_in_the_environment_is_held_to_the_same(api, monkeypatch, address, words):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", address)
    assert words in api.failure(base_url=None)


def test_what_is_said_to_this_machine_goes_through_no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with LlmServer([Reply(200, b'{"word": "oak"}')]).serving() as server:
        endpoint = Endpoint(Options(base_url=server.url), service="the API", secret=None)
        assert endpoint.post("/ask", {}, shape=Word, what="word").word == "oak"
        endpoint.close()
