"""What servers say went wrong, in the words and with the status that each means."""

from __future__ import annotations

import json

import pytest

from vstar_sdk.llm.error_body import fault_in


@pytest.mark.parametrize(
    ("body", "words", "status", "spent"),
    [
        ({"error": {"message": "slow down", "code": 429}}, "slow down", 429, False),
        ({"error": {"message": "slow down", "code": "429"}}, "slow down", 429, False),
        ({"error": {"message": "slow down", "type": "rate_limit_error"}}, "slow down", 429, False),
        ({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, "slow down", 429, False),
        ({"error": {"message": "pay", "type": "insufficient_quota", "code": "insufficient_quota"}}, "pay", 402, True),
        ({"error": {"message": "pay", "code": 402}}, "pay", 402, True),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "Overloaded", 529, False),
        ({"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}, "x", 503, False),
        ([{"error": {"code": 429, "message": "x"}}], "x", 429, False),
        ({"object": "error", "message": "x", "code": 400}, "x", 400, False),
        ({"error": "no such path"}, "no such path", 0, False),
        ({"detail": "Not Found"}, "Not Found", 0, False),
        ({"message": "x"}, "x", 0, False),
        ({"code": 1302, "msg": "x", "success": False}, "x", 0, False),
        ({"error": "invalid", "error_description": "who?"}, "invalid: who?", 0, False),
        ({"error": {"message": "e", "metadata": {"raw": "from behind"}}}, "e: from behind", 0, False),
        ({"error": {"message": "bad", "param": "response_format"}}, "response_format: bad", 0, False),
        ({"detail": [{"loc": ["body", "seed"], "msg": "no"}]}, "body.seed: no", 0, False),
        ({"choices": [{"error": {"code": 502, "message": "x"}}]}, "x", 502, False),
        ({"error": "Upstream error 503: gone"}, "Upstream error 503: gone", 503, False),
        ({"error": "429 Too Many Requests"}, "429 Too Many Requests", 429, False),
        ({"error": "Too Many Requests"}, "Too Many Requests", 429, False),
        ({"error": "at most 512 tokens, of 500 words"}, "at most 512 tokens, of 500 words", 0, False),
        ({"error": {"reason": 7}}, '{"reason": 7}', 0, False),
        ({"error": {"message": {"error": {"message": "deep", "code": 500}}}}, "deep", 0, False),
    ],
)
def test_what_a_body_says(body, words, status, spent):
    assert fault_in(json.dumps(body).encode()) == (words, status, spent)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"3", b"null", b"{}", b'{"error": null}', b"\xff", b"[" * 100_000])
def test_what_says_nothing(body):
    assert fault_in(body) is None


def test_a_message_in_what_has_the_wanted_shape_is_no_error():
    assert fault_in(b'{"message": "here you are"}', certain=True) is None
    assert fault_in(b'{"word": "error", "error": null, "message": "x"}', certain=True) is None
    assert fault_in(b'{"word": "x", "error": "no"}', certain=True) == ("no", 0, False)
