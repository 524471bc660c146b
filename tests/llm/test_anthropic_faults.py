"""Faults of the Anthropic API, from a real server: each passes or is one clear error within bounds, and none shows the key."""

from __future__ import annotations

import socket
import time

import pytest

from vstar_sdk.llm.anthropic import AnthropicBackend, AnthropicOptions
from vstar_sdk.testing.llm_faults import FAULT_CASES, check_fault


@pytest.mark.parametrize("case", FAULT_CASES, ids=str)
def test_the_faults_that_every_backend_survives(case, api, messages):
    def backend(url, **options):
        return AnthropicBackend(AnthropicOptions(base_url=url, **options))

    check_fault(case, messages, backend, key=api.key)


def test_nobody_listens(api):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = api.failure(base_url=f"http://127.0.0.1:{port}", retries=1)
    assert f"http://127.0.0.1:{port}" in told
    assert "cannot be reached, after 2 attempts: " in told
    assert "base_url" in told


def test_a_timeout_ends_in_time(api):
    api.script = [api.reply(delay=9.0)]
    began = time.monotonic()
    assert "gave no answer within 0.2 s" in api.failure(timeout=0.2, retries=0)
    assert time.monotonic() - began < 5


def test_an_answer_that_drips_is_a_timeout(api):
    api.script = [api.message('{"word": "oak"}', drip=0.2)]
    began = time.monotonic()
    assert "gave no answer within 0.3 s" in api.failure(timeout=0.3, retries=0)
    assert time.monotonic() - began < 5


def test_all_attempts_together_end_in_time(api):
    api.script = [api.reply(delay=9.0)]
    began = time.monotonic()
    assert "gave no answer within 0.4 s" in api.failure(timeout=0.4, retries=2)
    assert time.monotonic() - began < 5


def test_a_rate_limit_passes(api):
    api.script = [api.fault(429, "rate_limit_error", "slow down"), api.message("{}")]
    assert api.backend().complete(api.request).text == "{}"
    assert len(api.asked) == 2


def test_the_server_says_how_long_to_wait(api):
    api.script = [api.fault(429, "rate_limit_error", "slow down", retry_after="0.9"), api.message("{}")]
    began = time.monotonic()
    api.backend().complete(api.request)
    assert time.monotonic() - began >= 0.9


def test_a_longer_wait_than_there_is_time_for_is_not_begun(api):
    api.script = [api.fault(429, "rate_limit_error", "slow down", retry_after="86400")]
    told = api.failure()
    assert "limits the rate of requests, and demands to wait 86400 s" in told
    assert "slow down" in told
    assert len(api.asked) == 1


def test_a_spending_limit_is_not_asked_again(api):
    details = {"error_code": "enforced_spend_limit_reached"}
    api.script = [api.fault(429, "rate_limit_error", "monthly limit", details=details)]
    assert "limit is used up (429): monthly limit" in api.failure()
    assert len(api.asked) == 1


def test_server_errors_pass(api):
    api.script = [api.fault(500, "api_error", "oops"), api.fault(500, "api_error", "oops"), api.message("{}")]
    assert api.backend().complete(api.request).text == "{}"
    assert len(api.asked) == 3


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (500, "api_error", "failed, after 3 attempts (500): oops"),
        (529, "overloaded_error", "is overloaded, after 3 attempts (529): oops"),
    ],
)
def test_server_errors_that_do_not_pass(api, status, kind, words):
    api.script = [api.fault(status, kind, "oops")]
    assert words in api.failure()
    assert len(api.asked) == 3


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "rejects the request (400): no"),
        (401, "does not accept the key in ANTHROPIC_API_KEY (401): no"),
        (402, "limit is used up (402): no"),
        (403, "may not use claude-sonnet-5-5 (403): no"),
        (404, "has no model 'claude-sonnet-5-5' (404): no"),
        (413, "too large (413): no"),
    ],
)
def test_faults_that_stay_are_not_asked_again(api, status, words):
    api.script = [api.fault(status, "some_error", "no")]
    assert words in api.failure()
    assert len(api.asked) == 1


def test_a_redirect_is_not_followed(api):
    api.script = [api.reply(307, location="http://127.0.0.1:9/elsewhere")]
    assert "redirects to another address (307)" in api.failure()


def test_a_key_that_comes_back_is_hidden(api):
    api.script = [api.fault(401, "authentication_error", f"invalid key {api.key}"), api.message(f"your key is {api.key}")]
    assert "invalid key [key]" in api.failure()
    assert api.backend().complete(api.request).text == "your key is [key]"


def test_an_address_in_the_environment_shows_no_password(api, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url.replace("http://", "http://me:hunter2@"))
    api.script = [api.fault(401, "authentication_error", "no")]
    told = api.failure(base_url=None)
    assert api.url in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ANTHROPIC_BASE_URL", "http://x:y"), ("HTTPS_PROXY", "nonsense://x"), ("HTTPS_PROXY", "http://x:y")],
)
def test_an_environment_that_allows_no_connection(api, monkeypatch, variable, value):
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv(variable, value)
    assert "no connection to the Anthropic API can be set up" in api.failure(base_url=None)


@pytest.mark.parametrize("body", [b"", b"<html>hello</html>", b"[]", b'{"content": 1}', b'{"content": []}', b"\xff\xfe"])
def test_something_that_is_no_message(api, body):
    api.script = [api.reply(body=body, content_type="text/html")]
    assert "not a Message of the Anthropic API" in api.failure()


@pytest.mark.parametrize("status", [200, 400, 500])
def test_ten_megabytes_are_not_swallowed(api, status):
    api.script = [api.reply(status, b"x" * 10_000_000, content_type="application/json")]
    assert "more than 1 MB" in api.failure()
    assert len(api.asked) == 1


def test_what_unpacks_to_any_size_is_not_unpacked(api):
    api.script = [api.reply(body=b"\x1f\x8b", content_encoding="gzip")]
    assert "compressed" in api.failure()
