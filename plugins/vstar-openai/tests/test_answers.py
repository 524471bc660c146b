"""Whole answers of servers, with what becomes of them: the story, or the words of an error."""

from __future__ import annotations

import json

import pytest

from vstar_sdk import BackendError
from vstar_sdk.options import Options
from vstar_sdk.synopsis.contract import Brief
from vstar_sdk.synopsis.llm import LlmOptions, LlmWriter
from vstar_sdk.testing.llm_faults import CAPTIONS, good
from vstar_sdk.testing.llm_server import LlmServer, Reply

DRAFT = good(("a draft",) * 4)


def body(said, status=200):
    return Reply(status, json.dumps(said).encode(), {"content-type": "application/json"})


def completion(finish="stop", **message):
    return body({"model": "m", "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}]})


@pytest.fixture
def ask(chat, backend):
    """Writes a story from these replies; the story, or the error with its hint, and the server."""

    def write(*replies, rounds=2, **options):
        with LlmServer(replies).serving() as server:
            writer = LlmWriter(LlmOptions(backend=Options(), rounds=rounds), backend=backend(server.url, **options))
            try:
                synopsis = writer.write(Brief(prompt="an oak from winter to autumn", frames=64, fps=8.0))
                return tuple(state.caption for state in synopsis.states), server, synopsis
            except BackendError as error:
                return f"{error} | {error.hint}", server, None
            finally:
                writer.close()

    return write


def roles(server):
    return [[turn["role"] for turn in asked["messages"]] for asked in server.asked]


@pytest.mark.parametrize(
    "message",
    [
        {"content": f"<think>\nFirst: {DRAFT} Too terse.\n</think>\n{good()}"},
        {"content": f"First: {DRAFT} Too terse.\n</think>\n{good()}"},
        {"content": f"I fill the {{}} with captions:\n```json\n{good()}\n```"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": DRAFT}]}, {"type": "text", "text": good()}]},
        {"content": None, "reasoning_content": good()},
        {"content": "", "reasoning": f"I should write this:\n{good()}"},
        {"content": None, "tool_calls": [{"function": {"name": "answer", "arguments": good()}}]},
        {"content": good(), "reasoning_content": DRAFT},
        {"content": good().replace("oak under", "oak\nunder")},
    ],
)
def test_the_answer_is_found_in_one_round(ask, message):
    story, server, _ = ask(completion(**message), rounds=1)
    assert story == CAPTIONS
    assert len(server.asked) == 1


def test_a_draft_in_a_field_of_thinking_is_no_answer(ask):
    story, server, synopsis = ask(
        completion(content="", reasoning_content=f"{DRAFT} Too terse, I can do better."), completion(content=good())
    )
    assert story == CAPTIONS
    assert synopsis.transcript[0]["problems"] == ["the answer is empty: it has only thinking"]
    assert roles(server) == [["system", "user"]] * 2


@pytest.mark.parametrize("empty", [{"content": None}, {"content": ""}, {"content": []}, {"content": "<think>hm</think>"}])
def test_after_an_answer_without_text_the_turns_alternate(ask, empty):
    story, server, _ = ask(
        completion(**empty), completion(content="Hm."), completion(**empty), completion(content=good()), rounds=4
    )
    assert story == CAPTIONS
    turns = ["system", "user", "assistant", "user"]
    assert roles(server) == [turns[:2], turns[:2], turns, turns]
    assert "the answer is empty" in server.asked[1]["messages"][-1]["content"]


def test_a_server_that_is_strict_about_turns_is_told_of_in_its_own_words(ask):
    words = "conversation roles must alternate user/assistant/user/assistant/..."
    refusal = body({"object": "error", "message": words, "type": "BadRequestError", "code": 400}, 400)
    told, _, _ = ask(completion(content=None), refusal)
    assert f"rejects the request (400): {words} | the chat template" in told


def test_tokens_are_those_that_the_user_asks_for(ask):
    told, server, _ = ask(completion("length", content='{"states": ['), max_tokens=32768)
    assert [asked["max_tokens"] for asked in server.asked] == [32768, 32768]
    assert "cut off" in told
    assert "raise the backend's max_tokens" in told


@pytest.mark.parametrize("reason", ["length", "MAX_TOKENS", "max_output_tokens"])
def test_an_answer_that_was_cut_off_in_its_thinking(ask, reason):
    story, server, _ = ask(completion(reason, content=None, reasoning_content=good()), completion(content=good()))
    assert story == CAPTIONS
    assert [asked["max_tokens"] for asked in server.asked] == [8192, 16384]


@pytest.mark.parametrize("reason", ["content_filter", "SAFETY", "prohibited_content"])
def test_a_filter_is_a_refusal(ask, reason):
    told, server, _ = ask(completion(reason, content=None))
    assert "declined to write a synopsis of this prompt" in told
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("said", "words", "asked"),
    [
        ({"error": {"message": "Not enough credit", "code": 402}}, "used up (402): Not enough credit", 1),
        (
            {"error": "Unexpected endpoint or method. (POST /chat/completions)"},
            "Unexpected endpoint or method. (POST /chat/compl",
            1,
        ),
        (
            {
                "choices": None,
                "error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "Too Many Requests"}},
            },
            "limits the rate of requests, after 2 attempts (429): Provider returned error: Too Many Requests",
            2,
        ),
        ({"error": {"message": "busy", "code": "503"}}, "failed, after 2 attempts (503): busy", 2),
        ({"object": "error", "message": "no such model", "code": 404}, "has no model 'test-model' (404): no such model", 1),
        ({"choices": [{"error": {"code": 502, "message": "upstream"}, "message": {"content": ""}}]}, "(502): upstream", 2),
        ([{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "quota"}}], "(429): quota", 2),
        ({"choices": None}, "something that is not a chat completion", 1),
        ({"choices": []}, "something that is not a chat completion", 1),
    ],
)
def test_an_error_inside_a_success_is_told_in_the_servers_words(ask, said, words, asked):
    told, server, _ = ask(body(said), retries=1)
    assert words in told
    assert len(server.asked) == asked


def test_an_error_in_plain_text_inside_a_success_is_told_in_the_servers_words(ask):
    told, server, _ = ask(Reply(200, b"503 Service Unavailable: loading", {"content-type": "text/plain"}), retries=1)
    assert "failed, after 2 attempts (503): 503 Service Unavailable: loading" in told
    assert len(server.asked) == 2


def test_what_passes_inside_a_success_passes(ask):
    story, server, _ = ask(
        body({"error": {"message": "slow down", "code": 429}}), completion(content=good()), retries=1, rounds=1
    )
    assert story == CAPTIONS
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "field", [{"usage": {"prompt_tokens": "many"}}, {"usage": []}, {"model": 7}, {"error": None}, {"error": ""}]
)
def test_fields_that_do_not_matter_may_be_odd(ask, field):
    said = {"choices": [{"message": {"content": good()}}], **field}
    assert ask(body(said), rounds=1)[0] == CAPTIONS


@pytest.mark.parametrize(
    "refusal",
    [
        {"error": {"message": "Unsupported value", "param": "response_format", "code": "unsupported_parameter"}},
        {"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]},
        {"error": "failed to parse grammar"},
        {"error": {"message": "The provided JSON schema contains features not supported by xgrammar."}},
        {"error": {"message": "guided_json is not supported with this model"}},
        {"error": {"message": "This model does not support structured outputs"}},
    ],
)
@pytest.mark.parametrize("status", [400, 200])
def test_a_refused_grammar_falls_back_as_a_refused_format_does(ask, refusal, status):
    story, server, synopsis = ask(body(refusal, status), completion(content=good()), rounds=1, retries=0)
    assert story == CAPTIONS
    assert server.asked[1]["response_format"] == {"type": "json_object"}
    assert "refuses the response format json_schema" in synopsis.warnings[0]
