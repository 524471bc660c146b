"""What is asked of an OpenAI-compatible server, what is made of its answers, and what happens when it refuses a format."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from vstar_openai import ChatOptions

from vstar_sdk import BackendError, Message, Request
from vstar_sdk.backends import StatusError
from vstar_sdk.testing.llm_faults import FAULT_CASES, check_fault


class Word(BaseModel):
    """A word."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    word: str = Field(max_length=20)
    """The word itself."""
    reason: str = ""


REQUEST = Request(system="Answer.", messages=(Message(role="user", text="A word?"),), schema=Word)


@pytest.mark.parametrize("case", FAULT_CASES, ids=str)
def test_the_faults_that_every_backend_survives(case, chat, backend, key):
    check_fault(case, chat, backend, key=key)


def test_an_answer_is_its_text_and_its_usage(server, chat, backend):
    server.script = [chat.answer('{"word": "oak"}')]
    completion = backend(server.url).complete(REQUEST)
    assert (completion.text, completion.stop, completion.model) == ('{"word": "oak"}', "end", "test-model-1")
    assert (completion.input_tokens, completion.output_tokens, completion.warnings) == (900, 120, ())


def test_the_question_holds_the_schema_and_the_key_is_a_header(server, backend, key):
    backend(server.url, temperature=0.0, seed=7).complete(REQUEST)
    asked = server.asked[0]
    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["authorization"] == f"Bearer {key}"
    assert key not in json.dumps(asked)
    assert asked["messages"] == [{"role": "system", "content": "Answer."}, {"role": "user", "content": "A word?"}]
    assert (asked["model"], asked["max_tokens"], asked["temperature"], asked["seed"]) == ("test-model", 8192, 0.0, 7)
    form = asked["response_format"]["json_schema"]
    assert form["strict"] is True
    assert form["schema"]["required"] == ["word", "reason"]
    assert form["schema"]["additionalProperties"] is False
    assert form["schema"]["properties"]["word"] == {"type": "string", "description": "The word itself. (at most 20 characters)"}


def test_without_a_key_none_is_sent(server, backend):
    backend(server.url, api_key_env=None).complete(REQUEST)
    assert "authorization" not in server.headers[0]


def test_a_server_that_wants_a_key_after_all(server, chat, backend):
    server.script = [chat.error(401, "who are you?")]
    with pytest.raises(BackendError, match="requires a key") as caught:
        backend(server.url, api_key_env=None).complete(REQUEST)
    assert "api_key_env" in str(caught.value.hint)


def test_a_key_that_is_not_there_names_its_variable(server, backend):
    with pytest.raises(BackendError, match="environment variable OTHER_KEY is not set"):
        backend(server.url, api_key_env="OTHER_KEY").complete(REQUEST)
    assert not server.asked


def test_reasoning_models_bound_their_tokens_by_another_name(server, backend):
    backend(server.url, token_limit="max_completion_tokens", max_tokens=500).complete(REQUEST)
    assert server.asked[0]["max_completion_tokens"] == 500
    assert "max_tokens" not in server.asked[0]


@pytest.mark.parametrize(
    ("refusals", "format_taken"),
    [
        (["This response_format type is unavailable now"], "json_object"),
        (["json_schema is not supported", "'response_format.type' must be 'json_schema' or 'text'"], None),
    ],
)
def test_a_refused_format_is_a_warning_and_the_schema_goes_into_the_system_message(server, chat, backend, refusals, format_taken):
    server.script = [*(chat.error(400, said) for said in refusals), chat.answer('{"word": "oak"}')]
    asked = backend(server.url)
    completion = asked.complete(REQUEST)
    assert completion.text == '{"word": "oak"}'
    assert len(completion.warnings) == len(refusals)
    assert f"test-model refuses the response format json_schema ({refusals[0]})" in completion.warnings[0]
    last = server.asked[-1]
    assert last.get("response_format", {}).get("type") == format_taken
    assert '"maxLength": 20' in last["messages"][0]["content"]
    asked.complete(REQUEST)
    assert server.asked[-1] == last, "what was refused once is not tried again"


def test_an_error_about_something_else_is_no_refusal_of_the_format(server, chat, backend):
    server.script = [chat.error(400, "this model's context length is 2048 tokens")]
    with pytest.raises(StatusError, match="context length") as caught:
        backend(server.url).complete(REQUEST)
    assert caught.value.status == 400
    assert len(server.asked) == 1


def test_a_format_that_was_asked_for_is_not_given_up(server, chat, backend):
    server.script = [chat.error(400, "json_schema is not supported")]
    with pytest.raises(BackendError, match="json_schema is not supported"):
        backend(server.url, format="json_schema").complete(REQUEST)
    assert len(server.asked) == 1


def test_a_refusal_that_repeats_the_key_in_its_warning_hides_it(server, chat, backend, key):
    server.script = [chat.error(400, f"no json_schema for {key}"), chat.answer("{}")]
    (warning,) = backend(server.url).complete(REQUEST).warnings
    assert "no json_schema for [key]" in warning


@pytest.mark.parametrize(
    "body",
    [{"error": "model 'x' not found"}, {"message": "model 'x' not found"}, {"detail": "model 'x' not found"}],
)
def test_errors_in_the_words_of_other_servers(server, chat, backend, body):
    server.script = [chat.error(404, "").but(body=json.dumps(body).encode())]
    with pytest.raises(BackendError, match=r"has no model 'test-model' .404.: model 'x' not found"):
        backend(server.url).complete(REQUEST)


def test_an_answer_without_usage_and_model(server, chat, backend):
    body = {"choices": [{"message": {"content": "{}"}}], "usage": None}
    server.script = [chat.answer("").but(body=json.dumps(body).encode())]
    completion = backend(server.url).complete(REQUEST)
    assert (completion.model, completion.input_tokens, completion.output_tokens) == ("test-model", 0, 0)


def test_a_filtered_answer_is_a_refusal(server, chat, backend):
    body = {"choices": [{"message": {"content": "no"}, "finish_reason": "content_filter"}]}
    server.script = [chat.answer("").but(body=json.dumps(body).encode())]
    completion = backend(server.url).complete(REQUEST)
    assert (completion.stop, completion.text) == ("refusal", "no")


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": "sk-proj-secret-1"},
        {"api_key_env": "sk-proj-secret-1"},
        {"base_url": "https://me:sk-proj-secret-1@api.openai.com/v1"},
        {"base_url": "https://api.openai.com/v1?key=sk-proj-secret-1"},
    ],
)
def test_a_key_in_the_spec_is_refused_and_not_repeated(options):
    with pytest.raises(ValidationError) as caught:
        ChatOptions(model="x", **options)
    assert "never the key itself" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_connection_opens_anew_after_close(server, backend):
    asked = backend(server.url)
    for _ in range(2):
        asked.complete(REQUEST)
        asked.close()
    asked.close()
    assert len(server.asked) == 2


def test_plain_http_to_another_machine_is_a_warning_of_the_answer(server, backend, monkeypatch):
    monkeypatch.setattr("vstar_sdk.llm.endpoint.open_to_others", lambda url: True)
    (warning,) = backend(server.url, api_key_env=None).complete(REQUEST).warnings
    assert "is used over plain http: others on the network can read the prompt and the answer" in warning
    with pytest.raises(BackendError, match="would be sent over plain http"):
        backend(server.url).complete(REQUEST)
    (warning,) = backend(server.url, insecure=True).complete(REQUEST).warnings
    assert "can read the key" in warning
